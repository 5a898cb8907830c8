//! The sentences of problems, from the extension's own messages: a person at the CRM reads Russian, the administrator English.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use trubka::problem::Problem;

/// The extension's messages, as it ships them, by name.
type Messages = LazyLock<HashMap<String, Message>>;

static RUSSIAN: Messages = LazyLock::new(|| read(include_str!("../../extension/_locales/ru/messages.json")));
static ENGLISH: Messages = LazyLock::new(|| read(include_str!("../../extension/_locales/en/messages.json")));

fn read(messages: &str) -> HashMap<String, Message> {
    serde_json::from_str(messages).unwrap_or_default()
}

#[derive(Deserialize)]
struct Message {
    message: String,
    #[serde(default)]
    placeholders: HashMap<String, Placeholder>,
}

#[derive(Deserialize)]
struct Placeholder {
    content: String,
}

/// A problem's sentence for a person at the CRM.
pub fn sentence(problem: &Problem) -> String {
    of(problem, &RUSSIAN)
}

/// A problem's sentence for the administrator.
pub fn in_english(problem: &Problem) -> String {
    of(problem, &ENGLISH)
}

fn of(problem: &Problem, messages: &Messages) -> String {
    let Some(Message { message, placeholders }) = messages.get(&format!("problem_{}", problem.code.name())) else {
        return problem.code.name().to_owned();
    };
    let mut parts = message.split('$');
    let mut sentence = parts.next().unwrap_or_default().to_owned();
    // $NAME$ stands for an argument: every second part is a name.
    while let (Some(name), Some(text)) = (parts.next(), parts.next()) {
        let content =
            placeholders.get(&name.to_ascii_lowercase()).map_or("", |placeholder| placeholder.content.as_str());
        let number: Option<usize> = content.strip_prefix('$').and_then(|number| number.parse().ok());
        let argument = number.and_then(|number| problem.args.get(number.checked_sub(1)?));
        sentence.push_str(argument.map_or("…", String::as_str));
        sentence.push_str(text);
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use trubka::problem::Code;

    #[test]
    fn every_problem_has_a_sentence_without_signs() {
        for (code, name) in Code::ALL {
            let sentence = sentence(&Problem::about(*code, &["один", "два"]));
            assert!(sentence.contains(' ') && !sentence.contains('$'), "{name}: {sentence}");
        }
    }

    #[test]
    fn arguments_stand_in_their_places() {
        let problem = Problem::about(Code::DialRefused, &["занято $DETAIL$"]);
        assert_eq!(sentence(&problem), "АТС отказалась звонить и ответила: «занято $DETAIL$».");
        assert!(sentence(&Problem::new(Code::DialRefused)).contains("«…»"));
    }
}
