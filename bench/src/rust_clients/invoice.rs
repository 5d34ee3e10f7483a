//! The structs that codat-keys and reqwest both parse a page of invoices into.

#![expect(dead_code, reason = "parsed, and then dropped")]

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invoice {
    id: String,
    invoice_number: String,
    customer_ref: Customer,
    issue_date: String,
    due_date: String,
    modified_date: String,
    currency: String,
    currency_rate: f64,
    line_items: Vec<LineItem>,
    payment_allocations: Vec<PaymentAllocation>,
    sub_total: f64,
    total_tax_amount: f64,
    total_amount: f64,
    amount_due: f64,
    status: String,
    note: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    id: String,
    company_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItem {
    description: String,
    unit_amount: f64,
    quantity: f64,
    sub_total: f64,
    tax_amount: f64,
    total_amount: f64,
    account_ref: Reference,
    tax_rate_ref: Reference,
    item_ref: Reference,
    tracking_category_refs: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct PaymentAllocation {
    payment: Payment,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    id: String,
    account_ref: Reference,
    paid_on_date: String,
    total_amount: f64,
}
