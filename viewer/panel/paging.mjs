/**
 * @file Pages counted from the newest row, out of lists that the server counts from the oldest.
 */

/**
 * Which of the server's pages hold a page of ours, and which of their rows are it.
 *
 * @param {number} total rows
 * @param {number} page ours, from 1 for the newest
 * @param {number} size of either's pages
 * @returns {{pages: number[], skip: number, count: number}} of all rows in `pages` together, leave out `skip`, then
 *   take `count`; the newest is the last
 */
export function pagesFromNewest(total, page, size) {
  const end = Math.max(0, total - (page - 1) * size);
  const begin = Math.max(0, end - size);
  const first = Math.floor(begin / size) + 1;
  const last = Math.max(first, Math.ceil(end / size));
  const pages = last === first ? [first] : [first, last];
  return { pages, skip: begin - (first - 1) * size, count: end - begin };
}

/** How many pages there are, at least one. @param {number} total @param {number} size */
export function pageCount(total, size) {
  return Math.max(1, Math.ceil(total / size));
}
