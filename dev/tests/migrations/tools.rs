//! The migration tools of other back ends on an adopted database: alembic, prisma and drizzle-kit themselves, with the
//! lines that `docs/adoption.md` says to paste.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use dev::install::npm::MIGRATION_TOOLS;
use dev::install::python::ALEMBIC;
use dev::testing::database::LAYOUTS;
use dev::workspace::root;
use tokio::process::Command;

use crate::kit::{Database, connect};

/// A folder with the files of a project that uses one of the tools, and the database of the project.
struct Project {
    folder: PathBuf,
    url: String,
}

impl Project {
    /// Copies the files of `tools/<tool>`.
    async fn new(tool: &str, database: &Database) -> Self {
        let name = database.row("select current_database()").await;
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{tool}-{name}"));
        // From an earlier run: names of databases repeat.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(folder.join("versions")).expect("a folder");
        for file in std::fs::read_dir(root().join("dev/tests/migrations/tools").join(tool)).expect("the files") {
            let file = file.expect("a file");
            std::fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
        }
        Self { folder, url: database.url.clone() }
    }

    /// [`Project::new`] with the packages of npm.
    async fn with_node(tool: &str, database: &Database) -> Self {
        let project = Self::new(tool, database).await;
        let packages = MIGRATION_TOOLS.folder().await.expect("the packages");
        symlink(packages.join("node_modules"), project.folder.join("node_modules")).expect("a link");
        project
    }

    /// Runs a program of the project and returns what it prints, whether it succeeds or not.
    async fn run(&self, program: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> String {
        let output = Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .env("URL", &self.url)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .expect("the program");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.folder.join(file)).expect(file)
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder.join(file), text).expect(file);
    }
}

/// The blocks of code that the document has for a tool.
fn documented_lines(tool: &str) -> Vec<String> {
    let document = std::fs::read_to_string(root().join("docs/adoption.md")).expect("the document");
    let (_, section) = document.split_once(&format!("\n### {tool}\n")).expect("a section");
    let section = section.split("\n##").next().unwrap_or_default();
    let blocks = section.split("\n```").skip(1).step_by(2);
    blocks.map(|block| block.split_once('\n').map(|(_, lines)| lines.to_owned()).expect("a language")).collect()
}

/// What is not in the schema of `tasks`, and what an upgrade leaves there.
const OURS_ELSEWHERE: [&str; 4] = ["tasks_api", "task_fences", "_sqlx_migrations", "tasks_adoption"];

async fn autogenerate(project: &Project, include_schemas: &str) -> String {
    let versions = || {
        std::fs::read_dir(project.folder.join("versions")).expect("a folder").map(|file| file.expect("a file").path())
    };
    let alembic = ALEMBIC.folder().await.expect("alembic").join("bin/alembic");
    let url = project.url.replacen("postgres://", "postgresql+psycopg://", 1);
    let variables = [("URL", url.as_str()), ("INCLUDE_SCHEMAS", include_schemas), ("PYTHONPATH", ".")];
    let printed = project.run(&alembic, &["revision", "--autogenerate", "-m", "proposal"], &variables).await;
    let file = versions().find(|file| file.extension().is_some_and(|extension| extension == "py")).expect(&printed);
    let text = std::fs::read_to_string(&file).expect("the proposal");
    std::fs::remove_file(file).expect("a file");
    let (_, upgrade) = text.split_once("def upgrade() -> None:\n").expect("an upgrade");
    upgrade.split("def downgrade").next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn alembic_proposes_nothing_with_the_documented_lines() {
    let database = Database::with_rows(&LAYOUTS[3]).await;
    let project = Project::new("alembic", &database).await;
    let is_empty = |proposal: &str| proposal.contains("    pass\n") && !proposal.contains("op.");
    let proposal = autogenerate(&project, "0").await;
    assert!(is_empty(&proposal), "the models are those of the table: {proposal}");

    database.up().await.expect("a table to adopt");
    let proposal = autogenerate(&project, "0").await;
    assert!(proposal.contains("op.drop_column('tasks', 'version')"), "{proposal}");
    assert!(OURS_ELSEWHERE.iter().all(|name| !proposal.contains(name)), "{proposal}");

    let [lines, arguments] = &documented_lines("alembic")[..] else { unreachable!("two blocks") };
    project.write("lines.py", lines);
    project.write("arguments.txt", arguments);
    // What AUTH_MODE=password adds to the users.
    database.run("create unique index tasks_api_users_email on users (lower(email))").await;
    for include_schemas in ["0", "1"] {
        let proposal = autogenerate(&project, include_schemas).await;
        assert!(is_empty(&proposal), "{proposal}");
    }

    // What the back end itself changes is still proposed.
    let models = project.read("models.py");
    project.write(
        "models.py",
        &format!("{models}    project: Optional[str] = None\n").replace("max_length=200", "max_length=300"),
    );
    let proposal = autogenerate(&project, "0").await;
    assert!(proposal.contains("op.add_column('tasks', sa.Column('project'"), "{proposal}");
    assert!(proposal.contains("op.alter_column('tasks', 'title'") && !proposal.contains("op.drop"), "{proposal}");
}

async fn prisma(project: &Project, arguments: &[&str]) -> String {
    let arguments = [&["node_modules/prisma/build/index.js"], arguments].concat();
    // The files of engines that are not used, so that none is downloaded.
    let variables = [
        ("PRISMA_QUERY_ENGINE_LIBRARY", "schema.prisma"),
        ("PRISMA_SCHEMA_ENGINE_BINARY", "schema.prisma"),
        ("CHECKPOINT_DISABLE", "1"),
    ];
    project.run(Path::new("node"), &arguments, &variables).await
}

/// The schema with these lines in the model of `tasks`: a line replaces that of the same field.
fn with_lines(schema: &str, lines: &str) -> String {
    let (before, model) = schema.split_once("model Task {\n").expect("the model");
    let name = |line: &str| line.split_whitespace().next().map(str::to_owned);
    let replaced: Vec<_> = lines.lines().filter_map(name).filter(|name| !name.starts_with("@@")).collect();
    let kept = model.lines().filter(|line| name(line).is_none_or(|name| !replaced.contains(&name)));
    format!("{before}model Task {{\n{lines}\n{}\n", kept.collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn prisma_proposes_nothing_with_the_documented_lines() {
    const EMPTY: &str = "This is an empty migration.";
    let database = Database::with_sql("").await;
    let project = Project::with_node("prisma", &database).await;
    let create =
        ["migrate", "diff", "--from-empty", "--to-schema-datamodel", "schema.prisma", "--script", "-o", "create.sql"];
    prisma(&project, &create).await;
    database.run(&project.read("create.sql")).await;
    database.up().await.expect("a table to adopt");

    // `db pull` writes what it finds; the difference to the model is what `db push` would do.
    let diff = async |from: &str, to: &str| {
        prisma(&project, &["migrate", "diff", "--from-schema-datamodel", from, "--to-schema-datamodel", to, "--script"])
            .await
    };
    let model = project.read("schema.prisma");
    let pull = async || {
        project.write("pulled.prisma", &model);
        let printed = prisma(&project, &["db", "pull", "--schema", "pulled.prisma"]).await;
        assert!(printed.contains("Introspected 2 models"), "{printed}");
        project.read("pulled.prisma")
    };
    let pulled = pull().await;
    assert!(OURS_ELSEWHERE.iter().all(|name| !pulled.contains(name)), "{pulled}");
    let proposal = diff("pulled.prisma", "schema.prisma").await;
    assert!(proposal.contains("DROP COLUMN \"version\""), "{proposal}");

    let [lines] = &documented_lines("prisma")[..] else { unreachable!("one block") };
    project.write("schema.prisma", &with_lines(&model, lines));
    let proposal = diff("pulled.prisma", "schema.prisma").await;
    assert!(proposal.contains(EMPTY), "{proposal}");
    let pushed = prisma(&project, &["db", "push", "--skip-generate"]).await;
    assert!(pushed.contains("in sync with"), "{pushed}");
    assert_eq!(database.differences().await, [""; 0]);
    assert_eq!(pull().await, pulled);
}

async fn drizzle(project: &Project, arguments: &[&str]) -> String {
    project.run(Path::new("node"), &[&["node_modules/drizzle-kit/bin.cjs"], arguments].concat(), &[]).await
}

#[tokio::test]
async fn drizzle_proposes_nothing_with_the_documented_lines() {
    const NOTHING_TO_PUSH: &str = "No changes detected";
    let database = Database::with_sql("").await;
    let project = Project::with_node("drizzle", &database).await;
    let printed = drizzle(&project, &["push"]).await;
    assert!(printed.contains("Changes applied"), "{printed}");
    let generated = drizzle(&project, &["generate"]).await;
    assert!(generated.contains("Your SQL migration file"), "{generated}");
    database.up_with("users").await.expect("a table to adopt");

    let generated = drizzle(&project, &["generate"]).await;
    assert!(generated.contains("No schema changes"), "{generated}");
    // Without a terminal it prints the statements, and cannot ask.
    let proposal = drizzle(&project, &["push", "--strict", "--verbose"]).await;
    assert!(proposal.contains("ALTER TABLE \"tasks\" DROP COLUMN \"version\""), "{proposal}");
    assert!(OURS_ELSEWHERE.iter().all(|name| !proposal.contains(name)), "{proposal}");

    let [filter, sequence] = &documented_lines("drizzle")[..] else { unreachable!("two blocks") };
    let configuration = project.read("drizzle.config.ts");
    let schema = "schema: [\"./users.ts\", \"./tasks.ts\"],\n";
    assert!(configuration.contains(schema));
    project.write("sequence.ts", sequence);
    project.write(
        "drizzle.config.ts",
        &configuration.replace(schema, &format!("schema: [\"./users.ts\", \"./sequence.ts\"],\n{filter}\n")),
    );
    // With the views that an upgrade leaves, too.
    for views in ["", "create view task_fences as select * from tasks_api.task_fences"] {
        connect(&database.url).await.batch_execute(views).await.expect(views);
        let proposal = drizzle(&project, &["push", "--strict", "--verbose"]).await;
        assert!(proposal.contains(NOTHING_TO_PUSH), "{proposal}");
    }
    assert_eq!(database.differences().await, [""; 0]);
}
