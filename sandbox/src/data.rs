//! The fixed little company all stand-ins know: its people, its numbers, its clients and its keys.

use serde_json::{Value, json};

/// The exchange's domain, also the host name it answers to.
pub const PHONET_DOMAIN: &str = "demo.phonet.com.ua";
/// The exchange's API key.
pub const PHONET_KEY: &str = "sandbox-phonet-key";
/// The CRM's host name.
pub const KONTUR_HOST: &str = "crm.kontur.ru";
/// The CRM workspace's name.
pub const WORKSPACE: &str = "sandbox";
/// The CRM workspace's id, accepted wherever its name is.
pub const WORKSPACE_ID: &str = "3f6a0c1e-0000-4000-8000-0000000000a0";
/// API key of the private integration.
pub const KONTUR_KEY: &str = "sandbox-kontur-key";
/// API key of the public integration.
pub const KONTUR_PUBLIC_KEY: &str = "sandbox-public-key";
/// What the public integration's `X-XCOM-Integration-Secret` must say.
pub const KONTUR_SECRET: &str = "clientId=sandbox-secret";
/// The cookie of the user's own session in the CRM.
pub const SESSION: &str = "xcom.session=sandbox";
/// The private integration's id in the workspace, also its instance's.
pub const INTEGRATION_ID: &str = "3f6a0c1e-0000-4000-8000-0000000000b0";
/// The public integration's id in the workspace, also its instance's.
pub const PUBLIC_INTEGRATION_ID: &str = "3f6a0c1e-0000-4000-8000-0000000000b1";
/// An integration of somebody else's that may be the workspace's main telephony.
pub const OTHER_INTEGRATION_ID: &str = "3f6a0c1e-0000-4000-8000-0000000000b2";
/// The host names UIS answers to.
pub const UIS_HOSTS: [&str; 2] = ["callapi.uiscom.ru", "callapi.comagic.ru"];
/// Login of the user of UIS's Call API.
pub const UIS_LOGIN: &str = "sandbox-uis";
/// That user's password.
pub const UIS_PASSWORD: &str = "sandbox-uis-password";
/// That user's permanent key, version 4.0.
pub const UIS_TOKEN: &str = "sandbox-uis-token";
/// The company's virtual numbers at UIS.
pub const UIS_VIRTUAL_NUMBERS: [&str; 2] = ["74993720692", "74951045771"];
/// The media files it has at UIS, version 4.0.
pub const UIS_MEDIA: [u64; 2] = [2561, 2701];
/// The company's outside line, digits only.
pub const TRUNK_NUMBER: &str = "74951234567";
/// The outside line's caption.
pub const TRUNK_NAME: &str = "Москва";

/// A number that two contacts of two companies in the CRM share.
pub const SHARED_NUMBER: &str = "74990000002";

/// What rings: a user, a group or a scenario of the exchange (`leg.type` in Phonet, «Интеграция по протоколу WSS»).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An employee, type 1.
    User = 1,
    /// A group of employees, type 2.
    Group = 2,
    /// A voice menu, type 4; it has no extension.
    Scenario = 4,
}

/// A user, a group or a scenario of the exchange.
#[derive(Debug, PartialEq, Eq)]
pub struct Entity {
    /// The exchange's own id.
    pub id: u32,
    /// What it is.
    pub kind: Kind,
    /// Extension; a scenario has none.
    pub ext: Option<&'static str>,
    /// Display name.
    pub name: &'static str,
    /// Users' e-mail address.
    pub email: Option<&'static str>,
    /// Users' id in the CRM.
    pub user_id: Option<&'static str>,
}

/// Анна, extension 001.
pub static ANNA: Entity = Entity {
    id: 29,
    kind: Kind::User,
    ext: Some("001"),
    name: "Анна Смирнова",
    email: Some("anna@example.com"),
    user_id: Some("3f6a0c1e-0000-4000-8000-000000000001"),
};
/// Борис, extension 002.
pub static BORIS: Entity = Entity {
    id: 30,
    kind: Kind::User,
    ext: Some("002"),
    name: "Борис Орлов",
    email: Some("boris@example.com"),
    user_id: Some("3f6a0c1e-0000-4000-8000-000000000002"),
};
/// An employee as UIS knows them.
#[derive(Debug)]
pub struct Employee {
    /// UIS's own id.
    pub id: u64,
    /// Full name.
    pub name: &'static str,
    /// Active numbers, digits only.
    pub numbers: &'static [&'static str],
    /// Who this is in the CRM.
    pub user_id: Option<&'static str>,
}

/// UIS's employees: Анна, Борис, and one who has no active number.
pub static EMPLOYEES: [Employee; 3] = [
    Employee { id: 25, name: ANNA.name, numbers: &["79164572521"], user_id: ANNA.user_id },
    Employee { id: 26, name: BORIS.name, numbers: &["79164572522"], user_id: BORIS.user_id },
    Employee { id: 27, name: "Вера Зимина", numbers: &[], user_id: None },
];

/// The sales department, extension 900; both users are its members.
pub static SALES: Entity =
    Entity { id: 7, kind: Kind::Group, ext: Some("900"), name: "Отдел продаж", email: None, user_id: None };
/// The voice menu; it hands its callers to the sales department's people.
pub static MENU: Entity =
    Entity { id: 3, kind: Kind::Scenario, ext: None, name: "Голосовое меню", email: None, user_id: None };

/// Everybody who has a telephone.
pub static USERS: [&Entity; 2] = [&ANNA, &BORIS];

impl Entity {
    /// Whose telephones ring when this entity is called.
    pub(crate) fn members(&'static self) -> Vec<&'static Entity> {
        match self.kind {
            Kind::User => vec![self],
            Kind::Group | Kind::Scenario => USERS.to_vec(),
        }
    }
}

/// The user with this extension.
pub(crate) fn user_by_ext(ext: &str) -> Option<&'static Entity> {
    USERS.into_iter().find(|user| user.ext == Some(ext))
}

/// The user a connector's `subscriber` names, by extension or e-mail.
pub(crate) fn subscriber(name: &str) -> Option<&'static Entity> {
    USERS.into_iter().find(|user| user.ext == Some(name) || user.email == Some(name))
}

/// A person in the CRM.
pub(crate) struct Contact {
    pub id: &'static str,
    pub name: &'static str,
    pub position: &'static str,
    pub company: &'static Company,
    /// As the CRM's table shows them, in one text.
    pub phones: &'static str,
    pub email: &'static str,
    /// Id in the exchange's own contact book, where it is known there.
    pub phonet_id: Option<u32>,
}

/// A company in the CRM, with its deal.
pub(crate) struct Company {
    pub id: &'static str,
    pub name: &'static str,
    pub tax_id: &'static str,
    pub tax_reason: &'static str,
    pub deal: &'static str,
    pub deal_name: &'static str,
    pub comment: &'static str,
    /// Who is responsible for its deal.
    pub responsible: &'static Entity,
}

static FIRST: Company = Company {
    id: "3f6a0c1e-0000-4000-8000-0000000000c1",
    name: "Первый клиент",
    tax_id: "7751036892",
    tax_reason: "775101001",
    deal: "3f6a0c1e-0000-4000-8000-0000000000d1",
    deal_name: "Поставка оборудования",
    comment: "Тестовое создание через API",
    responsible: &ANNA,
};
static SECOND: Company = Company {
    id: "3f6a0c1e-0000-4000-8000-0000000000c2",
    name: "Новая компания",
    tax_id: "9909123456",
    tax_reason: "990901001",
    deal: "3f6a0c1e-0000-4000-8000-0000000000d2",
    deal_name: "Заказ 89123456789",
    comment: "—",
    responsible: &BORIS,
};

static COMPANIES: [&Company; 2] = [&FIRST, &SECOND];

static CONTACTS: [Contact; 4] = [
    Contact {
        id: "3f6a0c1e-0000-4000-8000-0000000000e4",
        name: "Бочкин Александр Викторович",
        position: "Директор",
        company: &SECOND,
        phones: "—",
        email: "bochkin@example.com",
        phonet_id: None,
    },
    Contact {
        id: "3f6a0c1e-0000-4000-8000-0000000000e3",
        name: "Майров Иван Васильевич",
        position: "Инженер",
        company: &SECOND,
        phones: "76046851124",
        email: "—",
        phonet_id: None,
    },
    Contact {
        id: "3f6a0c1e-0000-4000-8000-0000000000e2",
        name: "Главный Бухгалтер первого",
        position: "Бухгалтер",
        company: &FIRST,
        phones: "+7 812 385-41-36",
        email: "—",
        phonet_id: Some(2),
    },
    Contact {
        id: "3f6a0c1e-0000-4000-8000-0000000000e1",
        name: "Петров Иван Иванович",
        position: "ЛПР",
        company: &FIRST,
        phones: "+7 945 123-54-89, +7 965 456-87-89",
        email: "contract@contract@mail.ru",
        phonet_id: Some(1),
    },
];

/// The digits of a number however it is written.
fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The CRM's contact with this number (digits only).
pub(crate) fn contact_by_phone(number: &str) -> Option<&'static Contact> {
    CONTACTS.iter().find(|contact| contact.phones.split(", ").any(|phone| digits(phone) == number))
}

/// The exchange's own contact book: it knows only the first number of some.
pub(crate) fn book_entry(number: &str) -> Option<(&'static Contact, u32)> {
    let contact = contact_by_phone(number)?;
    let first = contact.phones.split(", ").next()?;
    Some((contact, contact.phonet_id.filter(|_| digits(first) == number)?))
}

/// Which of the CRM's records a number belongs to, as `call-started` answers it.
pub(crate) fn links(number: Option<&str>) -> Value {
    if number == Some(SHARED_NUMBER) {
        let [_, second, _, first] = &CONTACTS;
        return json!({
            "companyIds": [first.company.id, second.company.id], "contactIds": [first.id, second.id], "dealIds": [],
        });
    }
    match number.and_then(contact_by_phone) {
        Some(contact) => json!({
            "companyIds": [contact.company.id], "contactIds": [contact.id], "dealIds": [contact.company.deal],
        }),
        None => json!({ "companyIds": [], "contactIds": [], "dealIds": [] }),
    }
}

/// What the CRM page shows; its user is Анна.
pub(crate) fn clients() -> Value {
    let companies: Vec<Value> = COMPANIES
        .iter()
        .map(|company| {
            json!({
                "id": company.id, "name": company.name, "taxId": company.tax_id, "taxReason": company.tax_reason,
                "deal": { "id": company.deal, "name": company.deal_name }, "comment": company.comment,
            })
        })
        .collect();
    let contacts: Vec<Value> = CONTACTS
        .iter()
        .map(|contact| {
            json!({
                "id": contact.id, "name": contact.name, "position": contact.position,
                "companyId": contact.company.id, "phones": contact.phones, "email": contact.email,
            })
        })
        .collect();
    json!({ "me": ANNA.user_id, "companies": companies, "contacts": contacts })
}
