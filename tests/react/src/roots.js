/** How each version of React is set to work; `tell` hears what it recovered from or gave up. */

/** React 17's only way, and React 18's old one. */
export const legacy = (ReactDOM) => ({
  render: (root, page) => ReactDOM.render(page, root),
  hydrate: (root, page) => ReactDOM.hydrate(page, root),
});

/** React 18's and 19's. */
export const concurrent = ({ createRoot, hydrateRoot }) => {
  const reports = (tell) => ({
    onRecoverableError: (error) => tell(`React recovered from ${error}`),
    onUncaughtError: (error) => tell(`React gave up at ${error}`),
  });
  return {
    render: (root, page, tell) => createRoot(root, reports(tell)).render(page),
    hydrate: (root, page, tell) => hydrateRoot(root, page, reports(tell)),
  };
};
