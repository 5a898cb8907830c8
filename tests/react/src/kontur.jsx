import { Written, shows, spaced } from "./written.jsx";

/** The page's part in Kontur's own widgets, of whichever version they are given. */
export function Kontur({ ui, state, act }) {
  const { Button, Gapped, Input, Link, Modal, SidePage, Tabs, Token } = ui;
  const { rows, tab, panels, person } = state;
  const close = (panel) => () => act((now) => ({ ...now, panels: { ...now.panels, [panel]: false } }));
  return (
    <section>
      <Tabs value={tab} onValueChange={(value) => act((now) => ({ ...now, tab: value }))}>
        <Tabs.Tab id="phones">Телефоны</Tabs.Tab>
        <Tabs.Tab id="notes">Заметки</Tabs.Tab>
      </Tabs>
      {tab === "phones" ? (
        <Gapped vertical>
          {rows.slice(0, 4).map((row) => (
            <div key={row.id} {...shows(row.phones[0])}>
              <Link href={`tel:+${row.phones[0]}`}>{spaced(row.phones[0])}</Link>
            </div>
          ))}
          <div {...shows(person)}>
            <Input readOnly value={spaced(person)} />
          </div>
        </Gapped>
      ) : (
        <Gapped>
          {rows.slice(0, 3).map((row) => (
            <Written key={row.id} as="span" row={row} />
          ))}
          <span {...shows(person)}>
            <Token>{spaced(person)}</Token>
          </span>
          <Button>Добавить</Button>
        </Gapped>
      )}
      {panels.modal && (
        <Modal onClose={close("modal")}>
          <Modal.Header>Карточка</Modal.Header>
          <Modal.Body>
            {rows.slice(0, 2).map((row) => (
              <Written key={row.id} as="p" row={row} />
            ))}
          </Modal.Body>
          <Modal.Footer>
            <Button onClick={close("modal")}>Закрыть</Button>
          </Modal.Footer>
        </Modal>
      )}
      {panels.sidePage && (
        <SidePage onClose={close("sidePage")}>
          <SidePage.Header>Сделка</SidePage.Header>
          <SidePage.Body>
            <SidePage.Container>
              <p {...shows(person)}>Ответственный: {spaced(person)}</p>
            </SidePage.Container>
          </SidePage.Body>
        </SidePage>
      )}
    </section>
  );
}
