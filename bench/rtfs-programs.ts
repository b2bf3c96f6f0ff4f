/** The programs of bench/rtfs.ts, in RTFS and in JavaScript; `main` is what is timed. */

export interface BenchProgram {
  readonly name: string;
  readonly rtfs: string;
  /** Null: native code cannot do it (its stack ends). */
  readonly native: string | null;
  /** At most so many times the native time; for `native` null, milliseconds. */
  readonly limit: number;
}

export const PROGRAMS: readonly BenchProgram[] = [
  {
    name: "fib 27",
    rtfs: "(defn fib [n] (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (defn main [] (fib 27))",
    native:
      "function fib(n){return n<2?n:fib(n-1)+fib(n-2)} function main(){return fib(27)} return main",
    limit: 2,
  },
  {
    name: "tak 18 12 6",
    rtfs: `(defn tak [x y z] (if (< y x) (tak (tak (- x 1) y z) (tak (- y 1) z x) (tak (- z 1) x y)) z))
      (defn main [] (tak 18 12 6))`,
    native: `function tak(x,y,z){return y<x?tak(tak(x-1,y,z),tak(y-1,z,x),tak(z-1,x,y)):z}
      function main(){return tak(18,12,6)} return main`,
    limit: 2,
  },
  {
    name: "self tail calls 10M",
    rtfs: "(defn lp [i acc n] (if (< i n) (lp (+ i 1) (+ acc i) n) acc)) (defn main [] (lp 0 0 10000000))",
    native: "return function main(){let acc=0;for(let i=0;i<10000000;i++)acc+=i;return acc}",
    limit: 1.5,
  },
  {
    name: "loop/recur 10M",
    rtfs: "(defn main [] (loop [i 0 acc 0] (if (< i 10000000) (recur (+ i 1) (+ acc i)) acc)))",
    native: "return function main(){let acc=0;for(let i=0;i<10000000;i++)acc+=i;return acc}",
    limit: 1.5,
  },
  {
    name: "dotimes 10M",
    rtfs: "(defn main [] (dotimes [i 10000000] (+ i 7)))",
    native: "return function main(){let v=0;for(let i=0;i<10000000;i++)v=i+7;return v}",
    limit: 1.5,
  },
  {
    name: "loop that calls 1M",
    rtfs: `(defn square [x] (* x x))
      (defn main [] (loop [i 0 acc 0] (if (< i 1000000) (recur (+ i 1) (+ acc (square (mod i 7)))) acc)))`,
    native: `function square(x){return x*x}
      return function main(){let acc=0;for(let i=0;i<1000000;i++)acc+=square(i%7);return acc}`,
    limit: 3,
  },
  {
    name: "map filter reduce 1M",
    rtfs: "(def xs (range 1000000)) (defn main [] (reduce + 0 (filter even? (map inc xs))))",
    native: `const xs=Array.from({length:1000000},(_,i)=>i);
      return function main(){return xs.map(x=>x+1).filter(x=>x%2===0).reduce((a,b)=>a+b,0)}`,
    limit: 1.1,
  },
  {
    name: "string of 20k parts",
    rtfs: `(defn lp [i s] (if (< i 20000) (lp (+ i 1) (str s i ",")) s)) (defn main [] (count (lp 0 "")))`,
    native: "return function main(){let s='';for(let i=0;i<20000;i++)s+=i+',';return s.length}",
    limit: 3,
  },
  {
    name: "records 20k",
    rtfs: `(def rows (map (fn [i] {:id i :name (str "n" i) :active (even? i) :region (mod i 7) :items [i (mod i 13) (mod i 5)]}) (range 20000)))
      (defn total [r] (reduce + 0 (:items r)))
      (defn main []
        (let [picked (filter (fn [r] (if (:active r) (> (total r) 50) false)) rows)
              out (map (fn [r] {:id (:id r) :label (str (:name r) "-" (:id r)) :region (:region r) :total (total r)}) picked)
              sums (reduce (fn [m r] (assoc m (:region r) (+ (:total r) (if (get m (:region r)) (get m (:region r)) 0)))) {} out)]
          (join ";" (map (fn [k] (str k "=" (get sums k))) (range 7)))))`,
    native: `const rows=Array.from({length:20000},(_,i)=>({id:i,name:'n'+i,active:i%2===0,region:i%7,items:[i,i%13,i%5]}));
      const total=(r)=>r.items.reduce((a,b)=>a+b,0);
      return function main(){
        const out=rows.filter(r=>r.active&&total(r)>50).map(r=>({id:r.id,label:r.name+'-'+r.id,region:r.region,total:total(r)}));
        const sums=out.reduce((m,r)=>({...m,[r.region]:(m[r.region]||0)+r.total}),{});
        return [0,1,2,3,4,5,6].map(k=>k+'='+sums[k]).join(';')}`,
    limit: 4,
  },
  {
    name: "map of 100k keys",
    rtfs: `(defn lp [i m] (if (< i 100000) (lp (+ i 1) (assoc m (mod (* i 7919) 100003) i)) m))
      (defn main [] (count (lp 0 {})))`,
    native:
      "return function main(){const m=new Map();for(let i=0;i<100000;i++)m.set((i*7919)%100003,i);return m.size}",
    limit: 9,
  },
  {
    name: "sort 1M integers",
    rtfs: `(def data (map (fn [i] (mod (* i 48271) 1000003)) (range 1000000)))
      (defn main [] (let [s (sort data)] (+ (nth s 0) (nth s 999999))))`,
    native: `const data=Array.from({length:1000000},(_,i)=>i*48271%1000003);
      return function main(){const s=data.slice().sort((a,b)=>a-b);return s[0]+s[999999]}`,
    limit: 0.5,
  },
  {
    name: "host calls 100k",
    rtfs: `(defn main [] (loop [i 0 acc 0] (if (< i 100000) (recur (+ i 1) (+ acc (call :id i))) acc)))`,
    native: `const host=(id,args)=>args[0];
      return function main(){let acc=0;for(let i=0;i<100000;i++)acc+=host('id',[i]);return acc}`,
    limit: 15,
  },
  {
    name: "mutual tail calls 1M, ms",
    rtfs: `(defn ev [n] (if (= n 0) true (od (- n 1)))) (defn od [n] (if (= n 0) false (ev (- n 1))))
      (defn main [] (ev 1000000))`,
    native: null,
    limit: 12,
  },
];
