//! The documentation of rules: Markdown in `docs/rules`, built into the program.

use optischema::model::Rule;
use optischema::operations::RulePage;
use pulldown_cmark::{Event, Options, Parser, html};

/// The page of a rule.
pub(super) fn rule_page(rule: Rule) -> RulePage {
    let parser = Parser::new_ext(markdown(rule), Options::ENABLE_TABLES);
    // The page's own heading stands above; raw HTML has no place in it.
    let events = parser.filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut text = String::new();
    html::push_html(&mut text, without_title(events));
    RulePage { rule, title: rule.title().to_owned(), html: text }
}

fn without_title<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    use pulldown_cmark::{HeadingLevel, Tag, TagEnd};
    let mut inside = false;
    events.filter(move |event| match event {
        Event::Start(Tag::Heading { level: HeadingLevel::H1, .. }) => {
            inside = true;
            false
        }
        Event::End(TagEnd::Heading(HeadingLevel::H1)) => {
            inside = false;
            false
        }
        _ => !inside,
    })
}

const fn markdown(rule: Rule) -> &'static str {
    match rule {
        Rule::MissingIndex => include_str!("../../../docs/rules/missing-index.md"),
        Rule::GinIndex => include_str!("../../../docs/rules/gin-index.md"),
        Rule::ForeignKeyIndex => include_str!("../../../docs/rules/foreign-key-index.md"),
        Rule::UnusedIndex => include_str!("../../../docs/rules/unused-index.md"),
        Rule::DuplicateIndex => include_str!("../../../docs/rules/duplicate-index.md"),
        Rule::RedundantIndex => include_str!("../../../docs/rules/redundant-index.md"),
        Rule::InvalidIndex => include_str!("../../../docs/rules/invalid-index.md"),
        Rule::StaleStatistics => include_str!("../../../docs/rules/stale-statistics.md"),
        Rule::ExtendedStatistics => include_str!("../../../docs/rules/extended-statistics.md"),
        Rule::DistinctValues => include_str!("../../../docs/rules/distinct-values.md"),
        Rule::DeadRows => include_str!("../../../docs/rules/dead-rows.md"),
        Rule::AutovacuumOff => include_str!("../../../docs/rules/autovacuum-off.md"),
        Rule::Wraparound => include_str!("../../../docs/rules/wraparound.md"),
        Rule::TableBloat => include_str!("../../../docs/rules/table-bloat.md"),
        Rule::IndexBloat => include_str!("../../../docs/rules/index-bloat.md"),
        Rule::SequenceExhaustion => include_str!("../../../docs/rules/sequence-exhaustion.md"),
        Rule::SortMemory => include_str!("../../../docs/rules/sort-memory.md"),
        Rule::SharedBuffers => include_str!("../../../docs/rules/shared-buffers.md"),
        Rule::CacheSize => include_str!("../../../docs/rules/cache-size.md"),
        Rule::Durability => include_str!("../../../docs/rules/durability.md"),
        Rule::NotIn => include_str!("../../../docs/rules/not-in.md"),
        Rule::OrToUnion => include_str!("../../../docs/rules/or-to-union.md"),
        Rule::RowComparison => include_str!("../../../docs/rules/row-comparison.md"),
        Rule::ArrayElement => include_str!("../../../docs/rules/array-element.md"),
        Rule::FunctionOnColumn => include_str!("../../../docs/rules/function-on-column.md"),
        Rule::ImplicitCast => include_str!("../../../docs/rules/implicit-cast.md"),
        Rule::KeysetPagination => include_str!("../../../docs/rules/keyset-pagination.md"),
        Rule::CorrelatedSubquery => include_str!("../../../docs/rules/correlated-subquery.md"),
        Rule::UnusedDistinct => include_str!("../../../docs/rules/unused-distinct.md"),
        Rule::SelectStar => include_str!("../../../docs/rules/select-star.md"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_has_a_page_that_says_when_not_to() {
        for rule in Rule::ALL {
            let page = rule_page(*rule);
            assert!(markdown(*rule).starts_with(&format!("# {}\n", rule.title())), "{rule}");
            assert!(page.html.contains("When not to do it"), "{rule}");
            assert!(!page.html.contains("<h1"), "{rule}");
        }
    }
}
