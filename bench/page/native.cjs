// libphonenumber-js in Node.js: a line of JSON gives it texts, an empty line has it find all their numbers.
const { createInterface } = require("node:readline");
const { findPhoneNumbersInText } = require("libphonenumber-js");

let lines = [];
createInterface({ input: process.stdin }).on("line", (line) => {
  if (line) {
    lines = JSON.parse(line);
    return;
  }
  const since = performance.now();
  const numbers = lines.map(({ text, region }) => findPhoneNumbersInText(text, region).map(({ number }) => number.number));
  const time = performance.now() - since;
  process.stdout.write(`${JSON.stringify({ numbers, time })}\n`);
});
