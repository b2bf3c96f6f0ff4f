const NAME_LENGTH_MAX = 64;

/**
 * The candidate a mistyped name most likely means, or null when none is near.
 *
 * Near is an edit distance (insert, delete, replace, swap neighbours) of at most a third of the
 * longer name, and at least one. Of equals, the first in the given order.
 */
export function nearest(name: string, candidates: readonly string[]): string | null {
  if (name.length > NAME_LENGTH_MAX) return null;
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(name, candidate);
    const reach = Math.max(1, Math.floor(Math.max(name.length, candidate.length) / 3));
    if (distance <= reach && distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Optimal string alignment distance; both names are short, so the whole table is kept. */
function editDistance(from: string, to: string): number {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= from.length; row++) {
    const line = [row];
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1];
      const cost = Math.min(
        (rows[row - 1]?.[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (rows[row - 1]?.[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped =
        row > 1 &&
        column > 1 &&
        from[row - 1] === to[column - 2] &&
        from[row - 2] === to[column - 1];
      line.push(swapped ? Math.min(cost, (rows[row - 2]?.[column - 2] ?? 0) + 1) : cost);
    }
    rows.push(line);
  }
  return rows[from.length]?.[to.length] ?? 0;
}
