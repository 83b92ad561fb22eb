//! The page about errors.

use std::collections::BTreeSet;
use std::path::Path;

use dev::testing::function::{Function, event};
use dev::workspace::root;
use syn::visit::Visit;
use syn::{ExprStruct, ImplItemFn, LitStr, Member};

/// The codes in the source of `shared`: those of `ApiError`, and those of nouns.
#[derive(Default)]
struct Codes(BTreeSet<String>);

impl<'ast> Visit<'ast> for Codes {
    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if function.sig.ident == "status_and_code" {
            let mut texts = Texts::default();
            texts.visit_block(&function.block);
            self.0.extend(texts.0);
        }
        syn::visit::visit_impl_item_fn(self, function);
    }

    fn visit_expr_struct(&mut self, expression: &'ast ExprStruct) {
        for field in &expression.fields {
            if matches!(&field.member, Member::Named(name) if name == "not_found_code") {
                let mut texts = Texts::default();
                texts.visit_expr(&field.expr);
                self.0.extend(texts.0);
            }
        }
        syn::visit::visit_expr_struct(self, expression);
    }
}

/// The texts in a piece of source.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'ast> Visit<'ast> for Texts {
    fn visit_lit_str(&mut self, text: &'ast LitStr) {
        self.0.push(text.value());
    }
}

fn read(folder: &Path, codes: &mut Codes) {
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            read(&path, codes);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).expect("source");
            codes.visit_file(&syn::parse_file(&text).expect("Rust"));
        }
    }
}

#[tokio::test]
async fn every_code_of_the_api_has_an_entry() {
    let mut codes = Codes::default();
    read(&root().join("shared/src"), &mut codes);
    assert!(codes.0.len() > 20, "{:?}", codes.0);
    let mut function = Function::start_built("docs", &[("BETTER_AUTH_SECRET", &"x".repeat(32))]).await;
    let page = function.invoke(&event("GET", "/docs/errors")).await.expect("a response");
    let page = std::str::from_utf8(&page.body).expect("text");
    let anchors = page.split("<section id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let codes: BTreeSet<String> = codes.0.iter().map(|code| code.replace('_', "-")).collect();
    assert_eq!(anchors.map(str::to_owned).collect::<BTreeSet<_>>(), codes);
}
