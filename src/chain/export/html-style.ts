/** The look of an exported page: one column of facts, then a table that reads like a log. */
export const STYLE: string = `
:root{color-scheme:light dark;--ink:#1c2126;--soft:#5d6975;--line:#dde2e7;--paper:#fff;--wash:#f5f7f9;--good:#136c43;--bad:#b3261e;--badwash:#fdf1f0;--accent:#33538a}
@media (prefers-color-scheme:dark){:root{--ink:#e4e8ec;--soft:#97a3af;--line:#2c343c;--paper:#14181c;--wash:#1b2026;--good:#5fc592;--bad:#ff8a80;--badwash:#2c1b1b;--accent:#9db7e8}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:2.5rem 1.5rem 4rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
code,pre,.num,.target{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace;font-size:.87em}
.kicker{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.08em;text-transform:uppercase}
h1{margin:.1rem 0;font-size:1.7rem;overflow-wrap:anywhere}
.sub{margin:0 0 1rem;color:var(--soft);overflow-wrap:anywhere}
.verdicts{list-style:none;margin:0 0 1.2rem;padding:0}
.verdicts li{overflow-wrap:anywhere}
.good{color:var(--good)}.bad{color:var(--bad)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8rem,1fr));gap:.6rem;margin:0 0 2rem}
.tiles div{border:1px solid var(--line);border-radius:.5rem;padding:.55rem .8rem;background:var(--wash)}
.tiles dt{color:var(--soft);font-size:.78rem}
.tiles dd{margin:0;font-size:1.15rem;font-weight:600;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;table-layout:fixed}
th{text-align:left;color:var(--soft);font-weight:500;font-size:.8rem}
th:nth-child(1){width:4.6rem}th:nth-child(2){width:6.2rem}th:nth-child(3){width:15rem}th:nth-child(5){width:19rem}
th,td{padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
.num{text-align:right;color:var(--soft);font-variant-numeric:tabular-nums}
tr.step td{background:var(--wash);font-weight:600;color:var(--accent)}
tr.record td{color:var(--soft)}
tr.denied td,tr.failed td,tr.open td,tr.record.bad td{background:var(--badwash)}
tr.done strong{color:var(--good)}
tr.denied strong,tr.failed strong,tr.open strong,tr.record.bad td:nth-child(3){color:var(--bad)}
.by,.why,.took{color:var(--soft);font-size:.87em}
details summary{cursor:pointer;color:var(--soft);font-size:.87em;white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
pre{margin:.3rem 0 0;padding:.5rem .7rem;background:var(--wash);border-radius:.4rem;white-space:pre-wrap;overflow-wrap:anywhere}
footer{margin-top:2rem;color:var(--soft);font-size:.87rem}
@media (max-width:52rem){table,tbody,tr,td{display:block}thead{display:none}td{border:0;padding:.15rem .4rem}tr{border-bottom:1px solid var(--line);padding:.5rem 0}.num{text-align:left;display:inline-block}}
@media print{:root{--ink:#000;--soft:#444;--line:#bbb;--paper:#fff;--wash:#fff;--badwash:#fff}body{max-width:none;padding:0;font-size:10pt}tr{break-inside:avoid}}
`;
