//! The documents agree with the template.

use std::collections::BTreeSet;

use dev::workspace::root;

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn operations_guide_explains_exactly_the_alarms() {
    let template = read("template.yaml");
    let lines: Vec<&str> = template.lines().collect();
    let alarms = lines.windows(2).filter(|pair| pair[1].trim() == "Type: AWS::CloudWatch::Alarm");
    // More than ten functions have several throttle alarms, with numbers.
    let names = alarms.map(|pair| pair[0].trim().trim_end_matches(':').trim_end_matches(char::is_numeric));
    let alarms: BTreeSet<&str> = names.collect();
    let guide = read("docs/operations.md");
    let rows = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let explained: BTreeSet<&str> = rows.filter(|name| name.ends_with("Alarm")).collect();
    assert_eq!(alarms.len(), 8);
    assert_eq!(explained, alarms);
}

#[test]
fn samconfig_sets_only_existing_parameters() {
    let parameters = dev::aws::template::parameters(&read("template.yaml")).unwrap();
    let config = read("samconfig.toml");
    let given = config.split('"').filter_map(|text| text.split_once('=')).filter(|(name, _)| !name.contains(' '));
    let names: BTreeSet<&str> = given.map(|(name, _)| name).filter(|name| *name != "application").collect();
    assert!(names.contains("DeploymentType"), "{names:?}");
    for name in names {
        assert!(parameters.contains_key(name), "{name}");
    }
    assert_eq!(config.matches("file://.local/parameters.yaml").count(), 2);
}
