//! What every call answers besides what its own description says: who is not signed in, what cannot be read, a store
//! or a database that is away. Problems have a content type of their own.

use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{
    ContentBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
};

const PROBLEM: &str = "application/problem+json";

/// Completes the document.
pub(super) fn complete(document: &mut OpenApi) {
    for item in document.paths.paths.values_mut() {
        for (operation, is_unsafe) in operations(item) {
            complete_operation(operation, is_unsafe);
        }
    }
}

/// With whether the call may change something.
fn operations(item: &mut PathItem) -> impl Iterator<Item = (&mut Operation, bool)> {
    [(item.get.as_mut(), false), (item.post.as_mut(), true), (item.delete.as_mut(), true)]
        .into_iter()
        .filter_map(|(operation, is_unsafe)| Some((operation?, is_unsafe)))
}

fn complete_operation(operation: &mut Operation, is_unsafe: bool) {
    operation.parameters.iter_mut().flatten().for_each(allow_empty);
    let has_query = operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| parameter.parameter_in == ParameterIn::Query);
    let has_body = operation.request_body.is_some();
    let mut also = vec![
        ("401", "No token, or a wrong one"),
        ("503", "The store or a database cannot be used now"),
    ];
    if is_unsafe {
        also.push(("403", "The request comes from another site"));
    }
    if has_query || has_body {
        also.push(("422", "A field cannot be read"));
    }
    if has_body {
        also.push(("408", "The body was not sent in time"));
        also.push(("413", "The body is too large"));
    }
    let responses = &mut operation.responses.responses;
    for (status, description) in also {
        responses.entry(status.to_owned()).or_insert_with(|| RefOr::T(problem(description)));
    }
    for (status, response) in responses.iter_mut() {
        if let (true, RefOr::T(response)) = (status.starts_with(['4', '5']), response)
            && let Some(content) = response.content.shift_remove("application/json")
        {
            response.content.insert(PROBLEM.to_owned(), content);
        }
    }
}

/// A form sends the fields that nobody filled in as empty texts: they are as good as absent.
fn allow_empty(parameter: &mut Parameter) {
    let is_optional = parameter.required == Required::False;
    if parameter.parameter_in == ParameterIn::Query
        && is_optional
        && let Some(schema) = parameter.schema.take()
    {
        let empty = ObjectBuilder::new().schema_type(Type::String).max_length(Some(0));
        let either = AnyOfBuilder::new().item(schema).item(empty);
        parameter.schema = Some(RefOr::T(Schema::AnyOf(either.build())));
    }
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content(PROBLEM, content).build()
}
