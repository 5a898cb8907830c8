import { Component, Fragment, Suspense } from "react";
import { createPortal } from "react-dom";

import { random, phone } from "./model.js";
import { Written, shows, spaced } from "./written.jsx";

/** The phones of a long list, of which a window is shown. */
const BOOK = (() => {
  const { below, pick } = random(7);
  return Array.from({ length: 100 }, () => phone({ below, pick }));
})();
const WINDOW = 8;

/** Suspends once for each new value. */
const resources = new Map();
function Slow({ waiting }) {
  const known = resources.get(waiting);
  if (!known) {
    const resource = { isReady: false };
    resource.promise = new Promise((resolve) => setTimeout(resolve, 15)).then(() => {
      resource.isReady = true;
    });
    resources.set(waiting, resource);
    throw resource.promise;
  }
  if (!known.isReady) throw known.promise;
  const number = BOOK[waiting % BOOK.length];
  return <p {...shows(number)}>Последний звонок: {spaced(number)}</p>;
}

/** Says what went wrong below it. */
export class Boundary extends Component {
  state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  componentDidCatch(error) {
    this.props.tell(`an error boundary caught ${error}`);
  }

  render() {
    return this.state.failed ? <p>Что-то пошло не так</p> : this.props.children;
  }
}

/** The part of the page that the server can render, too. */
export function Contacts({ state }) {
  const { rows, lines, news, offset, panels } = state;
  return (
    <main>
      <h1>Контакты</h1>
      <table>
        <thead>
          <tr>
            <th>Имя</th>
            <th>Телефон</th>
            <th>Комментарий</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>{row.name}</td>
              <Written as="td" row={row} />
              <td>{row.decoy}</td>
            </tr>
          ))}
        </tbody>
      </table>

      <div {...shows(...lines.map((line) => line.phone))}>
        {lines.map((line) => (
          <Fragment key={line.id}>
            {spaced(line.phone)}
            <br />
          </Fragment>
        ))}
      </div>

      <p {...shows(news.phone)}>
        {news.before}
        {news.phone && spaced(news.phone)}
        {news.after}
      </p>

      <ul style={{ height: 160, overflow: "hidden", position: "relative" }}>
        {BOOK.slice(offset, offset + WINDOW).map((number, index) => (
          <li key={offset + index} style={{ position: "absolute", top: index * 20 }} {...shows(number)}>
            {spaced(number)}
          </li>
        ))}
      </ul>

      {panels.details && (
        <section>
          <h2>Подробности</h2>
          {rows.slice(0, 3).map((row) => (
            <dl key={row.id}>
              <dt>Мобильный</dt>
              <Written as="dd" row={row} />
            </dl>
          ))}
        </section>
      )}
      <section style={{ display: panels.folded ? "none" : undefined }}>
        <h2>Дежурный</h2>
        <p {...shows(state.person)}>{spaced(state.person)}</p>
      </section>
    </main>
  );
}

/** What only a browser renders. */
export function Late({ state }) {
  return (
    <>
      <Suspense fallback={<p>Загрузка…</p>}>
        <Slow waiting={state.waiting} />
      </Suspense>
      {state.panels.portal &&
        createPortal(<aside {...shows(state.person)}>Вызов: {spaced(state.person)}</aside>, document.body)}
    </>
  );
}
