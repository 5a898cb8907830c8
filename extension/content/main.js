{
  // Firefox runs this anew in open pages when the extension is updated: what an older run left behind goes first.
  for (const stale of document.querySelectorAll("trubka-call, trubka-card, trubka-hint")) stale.remove();

  const life = new AbortController();
  const { signal } = life;

  // Once the extension is gone it says nothing any more, so what is needed then is taken beforehand.
  const { version } = api.runtime.getManifest();
  const farewell = { sentence: words.sentence({ code: "pageOutdated" }), dismiss: words.text("card_dismiss") };
  const end = () => {
    if (signal.aborted) return;
    life.abort();
    Notice.show(farewell);
  };

  const background = new Background(signal, end);
  const hangUps = new HangUps(background, (call) => {
    dials.refresh(call);
    cards.refresh(call);
  });
  const cards = new CallCards(hangUps, signal);
  const dials = new Dials(background, hangUps, (numbers) => buttons.refresh(numbers));
  const finder = new NumberFinder(background, (node, matches) => buttons.put(node, matches), signal);
  const walker = new PageWalker(
    {
      text: (node, text) => finder.offer(node, text),
      changed: (record) => buttons.note(record),
      settled: (restyled) => buttons.settle(restyled),
    },
    signal,
  );
  const buttons = new CallButtons({ dials, hangUps, walker, forget: (node) => finder.forget(node) }, signal);

  /** @param {Protocol.Message | undefined} message */
  const hear = (message) => {
    if (signal.aborted || !message) return;
    if (message.kind === "reload") end();
    if (message.kind !== "view") return;
    hangUps.update(message);
    dials.update(message);
    cards.show(message);
  };

  const greet = async () => hear(await background.askUntilAnswered({ kind: "hello", version }));

  api.runtime.onMessage.addListener(hear);
  signal.addEventListener("abort", () => api.runtime?.onMessage?.removeListener(hear));
  // A page that slept may have missed what the background said meanwhile.
  addEventListener("pageshow", ({ persisted }) => void (persisted && greet()), { signal });
  document.addEventListener("visibilitychange", () => void (document.hidden || greet()), { signal });

  new Ticker(() => background.check(), signal).run(true);
  void greet();
  walker.start();
}
