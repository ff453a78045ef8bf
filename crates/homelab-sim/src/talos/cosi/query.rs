//! Label queries: terms are joined by "and", queries by "or".

use talos_proto::cosi::resource as pb;
use talos_proto::cosi::resource::label_term::Operation;
use tonic::Status;

/// What a list or watch asks for.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<pb::LabelQuery>);

impl Query {
    /// # Errors
    /// Unimplemented for an id query: the simulator has no regular expressions.
    pub(super) fn new(
        labels: Vec<pb::LabelQuery>,
        ids: Option<&pb::IdQuery>,
    ) -> Result<Self, Status> {
        if ids.is_some_and(|q| !q.regexp.is_empty()) {
            return Err(Status::unimplemented("the simulator knows no id queries"));
        }
        Ok(Query(labels))
    }

    pub(super) fn matches(&self, resource: &pb::Resource) -> bool {
        let Some(metadata) = &resource.metadata else {
            return false;
        };
        self.0.is_empty()
            || self
                .0
                .iter()
                .any(|query| query.terms.iter().all(|term| holds(term, metadata)))
    }
}

fn holds(term: &pb::LabelTerm, metadata: &pb::Metadata) -> bool {
    let label = metadata.labels.get(&term.key);
    let first = term.value.first();
    let number = |text: &String| text.parse::<i64>().ok();
    let holds = match Operation::try_from(term.op) {
        Ok(Operation::Exists) => label.is_some(),
        Ok(Operation::NotExists) => label.is_none(),
        Ok(Operation::Equal) => label.is_some() && label == first,
        Ok(Operation::In) => label.is_some_and(|l| term.value.contains(l)),
        Ok(Operation::Lt) => label.is_some() && label < first,
        Ok(Operation::Lte) => label.is_some() && label <= first,
        Ok(Operation::LtNumeric) => label
            .and_then(number)
            .zip(first.and_then(number))
            .is_some_and(|(a, b)| a < b),
        Ok(Operation::LteNumeric) => label
            .and_then(number)
            .zip(first.and_then(number))
            .is_some_and(|(a, b)| a <= b),
        Err(_) => false,
    };
    holds != term.invert
}

#[cfg(test)]
mod tests {
    use super::*;

    fn term(key: &str, op: Operation, values: &[&str], invert: bool) -> pb::LabelTerm {
        pb::LabelTerm {
            key: key.into(),
            op: op.into(),
            value: values.iter().map(|v| (*v).to_owned()).collect(),
            invert,
        }
    }

    #[test]
    fn terms_and_queries() {
        let resource = pb::Resource {
            metadata: Some(pb::Metadata {
                labels: [("rack".to_owned(), "9".to_owned())].into(),
                ..pb::Metadata::default()
            }),
            spec: None,
        };
        let check = |terms: Vec<pb::LabelTerm>| {
            let query = Query::new(vec![pb::LabelQuery { terms }], None).unwrap();
            query.matches(&resource)
        };
        assert!(check(vec![term("rack", Operation::Exists, &[], false)]));
        assert!(check(vec![term("rack", Operation::In, &["1", "9"], false)]));
        assert!(!check(vec![term("rack", Operation::Equal, &["9"], true)]));
        assert!(check(vec![term(
            "rack",
            Operation::LtNumeric,
            &["10"],
            false
        )]));
        assert!(!check(vec![term("rack", Operation::Lt, &["10"], false)]));
        assert!(check(vec![term("row", Operation::NotExists, &[], false)]));
        assert!(!check(vec![
            term("rack", Operation::Exists, &[], false),
            term("row", Operation::Exists, &[], false),
        ]));
        assert!(Query::new(Vec::new(), None).unwrap().matches(&resource));
    }
}
