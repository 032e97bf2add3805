/**
 * @file What a screenshot shows, read back by a browser: the tests need no image library.
 */

/**
 * @param {import("playwright-core").Page} page any page; it decodes the pictures
 * @param {Buffer} png
 * @returns {Promise<{coloured: number, total: number, colours: Uint8Array}>} `coloured` pixels are bright and
 *   saturated as agents are, and neither sky, grid nor text is; `colours` is RGBA, row by row
 */
export async function readPixels(page, png) {
  const encoded = await page.evaluate(async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, image.width, image.height);
    let text = "";
    for (let at = 0; at < data.length; at += 8192) text += String.fromCharCode(...data.subarray(at, at + 8192));
    return btoa(text);
  }, png.toString("base64"));
  const colours = new Uint8Array(Buffer.from(encoded, "base64"));
  let coloured = 0;
  for (let at = 0; at < colours.length; at += 4) {
    const [red, green, blue] = colours.subarray(at, at + 3);
    const high = Math.max(red, green, blue);
    if (high > 90 && high - Math.min(red, green, blue) > 50) coloured += 1;
  }
  return { coloured, total: colours.length / 4, colours };
}

/** How many pixels differ clearly between two pictures of the same size. */
export function differentPixels(one, other) {
  let different = 0;
  for (let at = 0; at < one.colours.length; at += 4) {
    const change = [0, 1, 2].reduce((sum, c) => sum + Math.abs(one.colours[at + c] - other.colours[at + c]), 0);
    if (change > 60) different += 1;
  }
  return different;
}
