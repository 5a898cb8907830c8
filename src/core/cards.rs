//! What people did with the cards of the calls: done in one tab, it holds in all.

use serde::Serialize;

use crate::{
    json::Fields,
    protocol::{CallPhase, CallView, CardsView, Place},
};

/// So many cards are whole; of more, only those of calls that are talked on.
const ROOMY: usize = 3;

/// Where the cards stand, and which are taken away or folded. Of calls that have no card any more nothing is kept.
#[derive(Debug, Default, Serialize)]
pub struct Cards {
    place: Place,
    dismissed: Vec<String>,
    folds: Vec<Fold>,
}

/// What the user wants of a card, whatever the others are like.
#[derive(Debug, Serialize)]
struct Fold {
    call: String,
    folded: bool,
}

impl Cards {
    /// Reads them as they are stored.
    pub fn read(fields: Fields<'_>) -> Self {
        let fold = |fold: Fields<'_>| Some(Fold { call: fold.text("call")?, folded: fold.flag("folded")? });
        Self {
            place: fields.object("place").and_then(Place::read).unwrap_or_default(),
            dismissed: fields.texts("dismissed"),
            folds: fields.objects("folds").filter_map(fold).collect(),
        }
    }

    /// Puts the cards elsewhere.
    pub fn put(&mut self, place: Place) {
        self.place = place;
    }

    /// Takes the card of a call away.
    pub fn dismiss(&mut self, call: String) {
        if !self.is_dismissed(&call) {
            self.dismissed.push(call);
        }
    }

    /// Shows the card of a call as one line, or whole.
    pub fn fold(&mut self, call: String, folded: bool) {
        self.folds.retain(|fold| fold.call != call);
        self.folds.push(Fold { call, folded });
    }

    /// Whether the card of a call was taken away.
    pub fn is_dismissed(&self, call: &str) -> bool {
        self.dismissed.iter().any(|dismissed| dismissed == call)
    }

    /// Forgets the calls that have no card any more.
    pub fn retain(&mut self, has_card: impl Fn(&str) -> bool) {
        self.dismissed.retain(|call| has_card(call));
        self.folds.retain(|fold| has_card(&fold.call));
    }

    /// How the cards of these calls stand.
    pub fn view(&self, calls: &[CallView]) -> CardsView {
        let (dismissed, shown): (Vec<_>, Vec<_>) = calls.iter().partition(|call| self.is_dismissed(&call.id));
        let are_many = shown.len() > ROOMY;
        let is_folded = |call: &&&CallView| {
            let wanted = self.folds.iter().find(|fold| fold.call == call.id);
            wanted.map_or(are_many && call.phase != CallPhase::Talking, |fold| fold.folded)
        };
        let id = |call: &CallView| call.id.clone();
        CardsView {
            place: self.place,
            folded: shown.iter().filter(is_folded).map(|call| id(call)).collect(),
            dismissed: dismissed.into_iter().map(id).collect(),
        }
    }
}
