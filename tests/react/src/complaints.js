/** What the page's scripts complain of. To be imported before React, which keeps the console it finds. */
export const complaints = [];

for (const level of ["error", "warn"]) {
  const original = console[level];
  console[level] = (...args) => {
    complaints.push(`console.${level}: ${args.map(String).join(" ")}`);
    original.apply(console, args);
  };
}
addEventListener("error", ({ message }) => complaints.push(`uncaught: ${message}`));
addEventListener("unhandledrejection", ({ reason }) => complaints.push(`unhandled: ${reason}`));
