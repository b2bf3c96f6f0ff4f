/** Where the image is that machines boot in tests: `.ci/run` builds one. Absent: walls with a machine show as missing. */
export function testImage(): { readonly imageDir?: string } {
  const imageDir = process.env["CCOS_IMAGE"];
  return imageDir === undefined || imageDir === "" ? {} : { imageDir };
}
