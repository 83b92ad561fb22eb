//! Imports run downwards: no two modules of a crate import each other, and each module of `shared` imports exactly what
//! `docs/architecture.md` lists.
//!
//! The source is parsed with `syn`. Code for tests is left out; it may import anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use dev::workspace::root;
use syn::visit::Visit;
use syn::{Attribute, Expr, ExprCall, Item, ItemConst, ItemMod, ItemStatic, ItemUse, Macro, UseTree};

/// The path of a module within its crate; empty for the root.
type ModulePath = Vec<String>;

/// A crate: for each module the paths that its source names.
struct Crate {
    name: String,
    modules: BTreeMap<ModulePath, Source>,
}

/// What the source of a module names.
#[derive(Default)]
struct Source {
    /// Absolute paths within the crate.
    internal: BTreeSet<ModulePath>,
    /// The first segments of other paths: crates, and names that were imported.
    external: BTreeSet<String>,
    /// Calls of `Read::new` and the like that are not the value of a constant.
    statements_made_at_run_time: Vec<String>,
}

/// The folders with a `src` in the workspace.
fn crate_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut waiting = ["functions", "shared", "migrations", "dev"].map(|name| root().join(name)).to_vec();
    while let Some(folder) = waiting.pop() {
        let entries =
            std::fs::read_dir(&folder).expect("a readable folder").map(|entry| entry.expect("an entry").path());
        let is_crate = folder.join("Cargo.toml").is_file();
        let skipped = ["src", "tests", "fuzz", "node_modules", "target"];
        let is_searched = |path: &PathBuf| {
            path.is_dir() && path.file_name().is_some_and(|name| !skipped.iter().any(|skip| name == *skip))
        };
        waiting.extend(entries.filter(is_searched));
        if is_crate && folder.join("src").is_dir() {
            folders.push(folder);
        }
    }
    folders.sort();
    folders
}

fn crates() -> Vec<Crate> {
    crate_folders().iter().map(|folder| Crate::read(folder)).collect()
}

fn shared() -> Crate {
    Crate::read(&root().join("shared"))
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("an entry").path());
    let mut files = Vec::new();
    for path in entries {
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

impl Crate {
    fn read(folder: &Path) -> Self {
        let source_folder = folder.join("src");
        let has_library = source_folder.join("lib.rs").is_file();
        let mut files = BTreeMap::new();
        for file in source_files(&source_folder) {
            let relative = file.strip_prefix(&source_folder).expect("a file of the folder").with_extension("");
            let mut module: ModulePath =
                relative.iter().map(|segment| segment.to_str().expect("UTF-8").to_owned()).collect();
            match module.last().map(String::as_str) {
                // The binary beside a library is a crate of its own, which nothing imports.
                Some("main") if module.len() == 1 && has_library => continue,
                Some("lib" | "main") if module.len() == 1 => module.clear(),
                Some("mod") => drop(module.pop()),
                _ => {}
            }
            files.insert(module, file);
        }
        let known: BTreeSet<ModulePath> = files.keys().cloned().collect();
        let modules = files.into_iter().map(|(module, file)| {
            let text = std::fs::read_to_string(&file).expect("a readable file");
            let syntax = syn::parse_file(&text).unwrap_or_else(|error| unreachable!("{}: {error}", file.display()));
            let mut reader =
                Reader { module: module.clone(), known: &known, in_constant: false, source: Source::default() };
            reader.visit_file(&syntax);
            (module, reader.source)
        });
        let name = folder.strip_prefix(root()).expect("a folder of the workspace").display().to_string();
        Self { name, modules: modules.collect() }
    }

    /// The module that contains what `path` names.
    fn module_of(&self, path: &[String]) -> ModulePath {
        let lengths = (0..=path.len()).rev();
        let mut prefixes = lengths.map(|length| path[..length].to_vec());
        prefixes.find(|prefix| self.modules.contains_key(prefix)).unwrap_or_default()
    }

    /// Which modules import which.
    fn imports(&self) -> BTreeSet<(ModulePath, ModulePath)> {
        let imports = self.modules.iter().flat_map(|(module, source)| {
            source.internal.iter().map(move |path| (module.clone(), self.module_of(path)))
        });
        imports.filter(|(from, to)| from != to).collect()
    }

    /// The imports between what lies directly in a folder: its files and its subfolders. The file of the folder itself is
    /// named `mod`.
    fn imports_within(&self, folder: &[String]) -> BTreeMap<String, BTreeSet<String>> {
        let component = |module: &ModulePath| {
            let is_inside = module.starts_with(folder);
            is_inside.then(|| module.get(folder.len()).cloned().unwrap_or_else(|| "mod".to_owned()))
        };
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in self.imports() {
            if let (Some(from), Some(to)) = (component(&from), component(&to))
                && from != to
            {
                graph.entry(from).or_default().insert(to);
            }
        }
        graph
    }

    fn folders(&self) -> BTreeSet<ModulePath> {
        self.modules.keys().flat_map(|module| (0..module.len()).map(|length| module[..length].to_vec())).collect()
    }
}

/// Collects what a file names.
struct Reader<'a> {
    /// The module of the file, or an inline module in it.
    module: ModulePath,
    known: &'a BTreeSet<ModulePath>,
    in_constant: bool,
    source: Source,
}

const STATEMENT_MAKERS: [&str; 4] = ["Read", "Write", "SelectStatement", "SqlFragment"];

impl Reader<'_> {
    fn name(&mut self, path: &[String]) {
        let Some(first) = path.first() else { return };
        let supers = path.iter().take_while(|segment| *segment == "super").count();
        let absolute = match first.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [&self.module[..], &path[1..]].concat(),
            "super" => [&self.module[..self.module.len().saturating_sub(supers)], &path[supers..]].concat(),
            _ => {
                let child = [&self.module[..], &path[..1]].concat();
                if !self.known.contains(&child) {
                    self.source.external.insert(first.clone());
                    return;
                }
                [&self.module[..], path].concat()
            }
        };
        self.source.internal.insert(absolute);
    }

    fn name_tree(&mut self, prefix: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.name_tree(prefix, &path.tree);
                prefix.pop();
            }
            UseTree::Name(name) if name.ident == "self" => self.name(prefix),
            UseTree::Name(name) => self.name(&[&prefix[..], &[name.ident.to_string()]].concat()),
            UseTree::Rename(rename) => self.name(&[&prefix[..], &[rename.ident.to_string()]].concat()),
            UseTree::Glob(_) => self.name(prefix),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.name_tree(prefix, tree)),
        }
    }

    fn visit_constant(&mut self, value: &Expr) {
        let outer = std::mem::replace(&mut self.in_constant, true);
        self.visit_expr(value);
        self.in_constant = outer;
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| list.tokens.to_string().trim() == "test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let Some((_, items)) = &item.content else { return };
        self.module.push(item.ident.to_string());
        items.iter().for_each(|item| self.visit_item(item));
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.name_tree(&mut Vec::new(), &item.tree);
    }

    fn visit_item_static(&mut self, item: &'ast ItemStatic) {
        self.visit_type(&item.ty);
        self.visit_constant(&item.expr);
    }

    fn visit_item_const(&mut self, item: &'ast ItemConst) {
        self.visit_type(&item.ty);
        self.visit_constant(&item.expr);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func
            && !self.in_constant
        {
            let segments: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            if let [.., maker, method] = segments.as_slice()
                && method == "new"
                && STATEMENT_MAKERS.contains(&maker.as_str())
            {
                self.source.statements_made_at_run_time.push(segments.join("::"));
            }
        }
        syn::visit::visit_expr_call(self, call);
    }

    /// `pub(in crate::auth)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.name(&segments);
        }
        syn::visit::visit_path(self, path);
    }

    /// Macros have tokens instead of expressions, in which only paths from the root of the crate can be recognized.
    fn visit_macro(&mut self, item: &'ast Macro) {
        let tokens = item.tokens.to_string();
        for path in tokens.split("crate ::").skip(1) {
            let segments =
                path.split("::").map(str::trim).take_while(|segment| syn::parse_str::<syn::Ident>(segment).is_ok());
            let path: Vec<String> = ["crate"].into_iter().chain(segments).map(str::to_owned).collect();
            self.name(&path);
        }
        syn::visit::visit_macro(self, item);
    }
}

/// A cycle of a graph, if there is one.
fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    fn search<'a>(
        graph: &'a BTreeMap<String, BTreeSet<String>>,
        node: &'a str,
        path: &mut Vec<&'a str>,
        finished: &mut BTreeSet<&'a str>,
    ) -> Option<Vec<String>> {
        if let Some(start) = path.iter().position(|earlier| *earlier == node) {
            return Some(path[start..].iter().chain([&node]).map(|name| (*name).to_owned()).collect());
        }
        if finished.contains(node) {
            return None;
        }
        path.push(node);
        let found = graph.get(node).into_iter().flatten().find_map(|next| search(graph, next, path, finished));
        path.pop();
        finished.insert(node);
        found
    }
    let mut finished = BTreeSet::new();
    graph.keys().find_map(|node| search(graph, node, &mut Vec::new(), &mut finished))
}

/// The section of `docs/architecture.md` about the modules of `shared`.
fn documented_section() -> String {
    let document = std::fs::read_to_string(root().join("docs/architecture.md")).expect("docs/architecture.md");
    let (_, section) = document.split_once("\n## Modules of `shared`\n").expect("the section about modules");
    section.split("\n## ").next().unwrap_or_default().to_owned()
}

/// What the table allows: `` | `module` | … | `a`, `b` | ``.
fn documented_imports(section: &str) -> BTreeMap<String, BTreeSet<String>> {
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |"));
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let allowed = rows.map(|row| {
        let (module, rest) = row.split_once('`').expect("a module in backticks");
        (module.to_owned(), names(rest.rsplit_once('|').expect("cells").1))
    });
    allowed.collect()
}

/// The arrows of the picture: `a --> b & c`.
fn drawn_imports(section: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (_, picture) = section.split_once("subgraph shared\n").expect("the picture");
    let (picture, _) = picture.split_once("end\n").expect("the end of the subgraph");
    let arrows = picture.lines().filter_map(|line| line.trim().split_once(" --> "));
    arrows.map(|(from, to)| (from.to_owned(), to.split(" & ").map(str::to_owned).collect())).collect()
}

#[test]
fn no_two_modules_import_each_other() {
    let mut cycles = Vec::new();
    for found in crates() {
        for folder in found.folders() {
            let cycle = cycle(&found.imports_within(&folder));
            cycles.extend(cycle.map(|cycle| format!("{}/src/{}: {}", found.name, folder.join("/"), cycle.join(" → "))));
        }
    }
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn modules_of_shared_import_what_the_document_allows() {
    let mut imports = shared().imports_within(&[]);
    // The map, and the entry point of the fuzz targets.
    imports.remove("mod");
    imports.remove("fuzzing");
    let mut documented = documented_imports(&documented_section());
    documented.retain(|_, allowed| !allowed.is_empty());
    assert_eq!(imports, documented);
}

#[test]
fn the_picture_shows_the_imports_of_the_table() {
    let section = documented_section();
    let mut documented = documented_imports(&section);
    documented.retain(|_, allowed| !allowed.is_empty());
    assert_eq!(drawn_imports(&section), documented);
}

#[test]
fn the_document_names_every_module_of_shared() {
    let documented: BTreeSet<String> = documented_imports(&documented_section()).into_keys().collect();
    let modules = shared().modules.into_keys().filter_map(|module| module.first().cloned());
    let modules: BTreeSet<String> = modules.filter(|module| module != "fuzzing").collect();
    assert_eq!(documented, modules);
}

#[test]
fn only_db_names_the_driver() {
    for (module, source) in shared().modules {
        let is_db = module.first().is_some_and(|module| module == "db");
        let names_driver = source.external.iter().any(|name| name == "tokio_postgres" || name == "postgres_native_tls");
        assert!(is_db || !names_driver, "{}", module.join("::"));
    }
}

#[test]
fn statements_are_made_at_compile_time() {
    for (module, source) in shared().modules {
        let made = source.statements_made_at_run_time;
        assert!(made.is_empty(), "{}: {made:?}", module.join("::"));
    }
}

#[test]
fn nothing_that_is_deployed_depends_on_dev() {
    for folder in crate_folders().iter().filter(|folder| !folder.starts_with(root().join("dev"))) {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
        let depends = manifest.lines().any(|line| line.starts_with("dev.") || line.starts_with("dev ="));
        assert!(!depends, "{}", folder.display());
    }
}

/// A second implementation makes each program larger, and its advisories have to be followed too.
#[test]
fn operations_contain_one_implementation_of_each_algorithm() {
    let operations = dev::deploy::artifacts::function_names().expect("the functions");
    for operation in operations.iter().filter(|name| *name != "migrate" && *name != "smoke") {
        let tree = Command::new(env!("CARGO"))
            .args(["tree", "--package", operation, "--edges", "normal", "--prefix", "none", "--offline", "--locked"])
            .current_dir(root())
            .output()
            .expect("cargo");
        assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
        let packages: BTreeSet<String> = String::from_utf8(tree.stdout)
            .expect("names")
            .lines()
            .filter_map(|line| line.split_once(" v"))
            .map(|(name, version)| format!("{name} {}", version.split(' ').next().unwrap_or_default()))
            .collect();
        let names: Vec<&str> = packages.iter().filter_map(|package| package.split(' ').next()).collect();
        for wanted in ["openssl", "ed25519-dalek", "curve25519-dalek", "hmac", "sha2", "digest"] {
            let versions = names.iter().filter(|name| **name == wanted).count();
            assert_eq!(versions, 1, "{operation}: versions of {wanted}");
        }
        for second in ["aws-lc-rs", "aws-lc-sys", "p256", "p384", "p521", "ring", "rsa", "rustls"] {
            assert!(!names.contains(&second), "{operation} contains {second}");
        }
    }
}

#[test]
fn cycles_are_found() {
    let graph = |edges: &[(&str, &str)]| {
        let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (from, to) in edges {
            graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        graph
    };
    assert_eq!(cycle(&graph(&[("a", "b"), ("a", "c"), ("b", "c")])), None);
    assert_eq!(cycle(&graph(&[("a", "b"), ("b", "a")])), Some(vec!["a".into(), "b".into(), "a".into()]));
    let longer = cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b")]));
    assert_eq!(longer, Some(vec!["b".into(), "c".into(), "d".into(), "b".into()]));
}
