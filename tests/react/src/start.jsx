import { complaints } from "./complaints.js";
import { StrictMode, useEffect, useState } from "react";

import { audit } from "./audit.js";
import { Boundary, Contacts, Late } from "./contacts.jsx";
import { Kontur } from "./kontur.jsx";
import { changed, initial, random } from "./model.js";

const dice = random(2);
const tell = (complaint) => complaints.push(complaint);

/** How long the page takes breath between two changes: not at all, or until its next turn, task, frame. */
const PAUSES = [
  () => undefined,
  () => Promise.resolve(),
  () => new Promise((resolve) => setTimeout(resolve)),
  () => new Promise((resolve) => requestAnimationFrame(resolve)),
];

/** Shows its children only where effects run, as pages do with what the server cannot render. */
function InBrowser({ children }) {
  const [isMounted, setMounted] = useState(false);
  useEffect(() => setMounted(true), []);
  return isMounted ? children : null;
}

/** Waits until React has nothing left to do: suspended parts come back by then, too. */
const calm = () => new Promise((resolve) => setTimeout(resolve, 50));

/**
 * Puts the page together and gives the test `window.lab`.
 * @param {{ render: Function, hydrate: Function, ui?: object }} version
 */
export function start({ render, hydrate, ui }) {
  const root = document.getElementById("root");
  let state = initial(random(1));
  let show;
  const act = (change) => {
    state = change(state);
    show(state);
  };

  function Page() {
    const [shown, setShown] = useState(state);
    show = setShown;
    return (
      <Boundary tell={tell}>
        <StrictMode>
          <Contacts state={shown} />
          <InBrowser>
            <Late state={shown} />
          </InBrowser>
        </StrictMode>
        <InBrowser>{ui && <Kontur ui={ui} state={shown} act={act} />}</InBrowser>
      </Boundary>
    );
  }

  window.lab = {
    complaints,
    /** See `audit.js`; the numbers are those of the hosts. */
    audit: (hosts, numbers) =>
      audit(
        root,
        hosts.map((host, index) => ({ host, number: numbers[index] })),
      ),
    /** Lets the page change at random so many times. */
    async step(count) {
      for (let done = 0; done < count; done++) {
        act((now) => changed(now, dice));
        await dice.pick(PAUSES)();
      }
      await calm();
    },
    /** Makes a page of the server's markup. */
    async hydrate() {
      hydrate(root, <Page />, tell);
      await calm();
    },
  };
  if (root.hasChildNodes()) {
    if (!location.search.includes("late")) void window.lab.hydrate();
  } else {
    render(root, <Page />, tell);
  }
}
