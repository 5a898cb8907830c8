// The library finds, and shows nothing: the simplest walk and observer that keep up with a page.
{
  const found = new WeakMap();
  const read = (node) => {
    if (node instanceof Text) {
      found.set(node, libphonenumber.findPhoneNumbersInText(node.data, "RU"));
      return;
    }
    const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) read(texts.currentNode);
  };
  const observer = new MutationObserver((records) => {
    for (const { type, target, addedNodes } of records) {
      if (type === "characterData") read(target);
      for (const node of addedNodes) if (node.isConnected) read(node);
    }
  });
  observer.observe(document.body, { subtree: true, childList: true, characterData: true });
  read(document.body);
}
