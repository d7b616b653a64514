//! In the document: what is absent is left out.
//!
//! `utoipa` takes `Option` for "or null", which the model does not have; only records of other systems do.

use utoipa::openapi::schema::{AllOf, Array, Object, Schema, SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr};

/// The schemas in which null stands for what is absent.
const WITH_NULLS: [&str; 2] = ["AuditEvent", "AuditExport"];

/// Takes null out of the members of all other schemas.
pub(crate) fn take_out_nulls(document: &mut OpenApi) {
    let schemas = document.components.iter_mut().flat_map(|components| &mut components.schemas);
    for (_, schema) in schemas.filter(|(name, _)| !WITH_NULLS.contains(&name.as_str())) {
        of_members(schema);
    }
}

fn of_members(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => object.properties.values_mut().for_each(of_member),
        RefOr::T(Schema::AllOf(AllOf { items, .. })) => items.iter_mut().for_each(of_members),
        _ => {}
    }
}

fn of_member(member: &mut RefOr<Schema>) {
    match member {
        RefOr::T(Schema::Object(Object { schema_type, .. }) | Schema::Array(Array { schema_type, .. })) => {
            of_type(schema_type);
        }
        RefOr::T(Schema::OneOf(one_of)) => {
            one_of.items.retain(|item| !is_null(item));
            if let [_] = one_of.items.as_slice() {
                *member = one_of.items.remove(0);
            }
        }
        _ => {}
    }
}

fn of_type(schema_type: &mut SchemaType) {
    let SchemaType::Array(types) = schema_type else { return };
    types.retain(|one| *one != Type::Null);
    if let [_] = types.as_slice() {
        *schema_type = SchemaType::Type(types.remove(0));
    }
}

fn is_null(schema: &RefOr<Schema>) -> bool {
    matches!(schema, RefOr::T(Schema::Object(Object { schema_type: SchemaType::Type(Type::Null), .. })))
}
