{
  // Run anew where the extension was updated (Firefox) or switched on again: what an older run left behind goes first.
  const world = /** @type {{ trubka?: AbortController }} */ (globalThis);
  world.trubka?.abort();
  for (const stale of document.querySelectorAll("trubka-call, trubka-card, trubka-hint")) stale.remove();

  const life = new AbortController();
  const { signal } = life;
  world.trubka = life;

  // Each frame has its own buttons; what concerns the whole page is told in its top frame.
  const isTop = window === window.top;

  // Once the extension is gone it says nothing any more, so what is needed then is taken beforehand.
  const { version } = api.runtime.getManifest();
  const farewell = { sentence: words.sentence({ code: "pageOutdated" }), dismiss: words.text("card_dismiss") };
  const end = () => {
    if (signal.aborted) return;
    life.abort();
    if (isTop) Notice.show(farewell);
  };

  const background = new Background(signal, { gone: end, off: () => life.abort() });
  const hangUps = new HangUps(background, (call) => {
    dials.refresh(call);
    cards?.refresh(call);
  });
  const cards = isTop ? new CallCards(background, hangUps, signal) : undefined;
  const dials = new Dials(background, hangUps, (numbers) => buttons.refresh(numbers));
  const pace = new Pace();
  const finder = new NumberFinder(
    background,
    { found: (source) => buttons.put(source), gone: (source) => buttons.clear(source) },
    pace,
    signal,
  );
  const walker = new PageWalker(
    {
      text: (nodes, text) => finder.offer(nodes, text),
      nothing: (node) => finder.nothing(node),
      stray: (host) => buttons.sift(host),
      changed: (record) => buttons.note(record),
      settled: (restyled) => buttons.settle(restyled),
    },
    pace,
    signal,
  );
  const buttons = new CallButtons({ dials, hangUps, walker, forget: (source) => finder.forget(source) }, signal);
  new Corrections(background, buttons, finder, signal);

  /** What the background finds numbers by. @type {number | undefined} */
  let findsBy;

  /** @param {Protocol.PageView} view */
  const show = (view) => {
    hangUps.update(view);
    dials.update(view);
    cards?.show(view);
    const isOther = findsBy !== undefined && findsBy !== view.finder;
    findsBy = view.finder;
    if (!isOther) return;
    finder.renew();
    walker.renew();
  };

  /** @param {Protocol.Message | undefined} message */
  const hear = (message) => {
    if (signal.aborted || !message) return;
    if (message.kind === "reload") end();
    if (message.kind === "off" && message.origin === self.origin) life.abort();
    if (message.kind === "view") show(message);
  };

  const greet = async () => hear(await background.askUntilAnswered({ kind: "hello", version }));

  api.runtime.onMessage.addListener(hear);
  signal.addEventListener("abort", () => api.runtime?.onMessage?.removeListener(hear));
  // A page that slept may have missed what the background said meanwhile.
  addEventListener("pageshow", ({ persisted }) => void (persisted && greet()), { signal });
  document.addEventListener("visibilitychange", () => void (document.hidden || greet()), { signal });

  const look = () => {
    background.check();
    if (signal.aborted) return;
    walker.look();
    buttons.sweep();
  };
  new Ticker(look, signal).run(true);
  void greet();
  walker.start();
}
