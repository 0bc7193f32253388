//! Decides what is said at the end of `[holography]`: in the log, and as warnings.

use super::outcome::Findings;
use super::strings::Strings;

/// Replicates that a band needs.
const FEW: usize = 10;

/// What is found at the end.
pub(super) struct Ending {
    pub findings: Findings,
    /// `None` where the input has no potential, or its metric does not exist.
    pub strings: Option<Strings>,
}

impl Ending {
    /// What the log says.
    pub fn words(&self) -> Vec<String> {
        let group = &self.findings.asked;
        let (count, all) = (group.successful().len(), group.thetas.len());
        let best = &group.judgements[group.best()];
        let seeds = format!(
            "{count} of {all} seeds successful; best loss {:.5}, mean error {:.5}, {} \
             misclassified",
            best.loss, best.mean_error, best.misclassified
        );
        let strings = self.strings.iter().flat_map(Strings::words);
        std::iter::once(seeds).chain(strings).collect()
    }

    /// What a reader of the results has to know; `hung` where strings were asked for.
    pub fn warnings(&self, hung: bool) -> Vec<String> {
        let group = &self.findings.asked;
        let (count, all) = (group.successful().len(), group.thetas.len());
        let mut list = Vec::new();
        if count == 0 {
            let potential = match hung && self.strings.is_none() {
                true => ", and no potential",
                false => "",
            };
            list.push(format!(
                "none of the {all} seeds is successful, so there is no mean metric{potential}; \
                 give more holography.seeds or holography.epochs"
            ));
        }
        if let Some(replicates) = &self.findings.replicates {
            let (count, all) = (replicates.successful().len(), replicates.thetas.len());
            if count < FEW {
                list.push(format!(
                    "{count} of {all} replicates are successful, too few for a band; raise \
                     holography.bootstrap"
                ));
            }
        }
        list.extend(self.strings.as_ref().and_then(Strings::warning));
        list
    }
}
