//! Which column of a CSV means what.

use std::collections::HashSet;

use base::suggest::closest;
use base::text::{quote, shell_word};
use base::{Code, Error, Result};

use super::row::check_key;

/// The requested use of the columns of a CSV.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnSelection {
    /// The column that holds the names, where it is not called `name`.
    pub name: Option<String>,
    /// Columns that become attributes of the same name, each alone or several with commas between them.
    pub attributes: Vec<String>,
}

impl ColumnSelection {
    /// True if this is the title of the column with the names.
    pub(super) fn is_name(&self, title: &str) -> bool {
        match &self.name {
            Some(name) => name == title,
            None => title.eq_ignore_ascii_case("name"),
        }
    }

    /// The titles of the columns that become attributes. Each text is a title, or several with commas between them.
    fn wanted_attributes<'a>(&'a self, header: &[&str]) -> Vec<&'a str> {
        let split = |text: &'a String| match header.contains(&text.as_str()) {
            true => vec![text.as_str()],
            false => text.split(',').map(str::trim).filter(|title| !title.is_empty()).collect(),
        };
        self.attributes.iter().flat_map(split).collect()
    }
}

/// The meaning of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Name,
    Label,
    Profile,
    San,
    Attribute(String),
    /// It has no name, and its fields have to be empty: spreadsheets leave such columns behind.
    Nameless,
    /// It is another tool's.
    Ignored,
}

/// The columns that need no flag to be understood.
const KNOWN: [(&str, Column); 4] =
    [("name", Column::Name), ("label", Column::Label), ("profile", Column::Profile), ("san", Column::San)];

/// The prefix of columns that are attributes without a request.
const ATTRIBUTE: &str = "attr.";

/// The name of the first column of Espressif's values CSV.
const VALUES_ID: &str = "id";

/// The meaning of each column.
///
/// # Errors
/// [`Code::NamesHeader`], [`Code::UnknownColumn`].
pub(super) fn columns(header: &[&str], wish: &ColumnSelection) -> Result<Vec<Column>> {
    check_separator(header, wish)?;
    let attributes = wish.wanted_attributes(header);
    check_wanted(header, wish, &attributes)?;
    // Such a list comes from Espressif's factory tool and has columns that only this tool needs.
    let is_espressif = is_espressif(header);
    let mut unknown = Vec::new();
    let mut columns = Vec::with_capacity(header.len());
    for title in header {
        columns.push(match meaning(title, wish, &attributes)? {
            Some(column) => column,
            None if title.is_empty() => Column::Nameless,
            None if is_espressif => Column::Ignored,
            None => {
                unknown.push(*title);
                Column::Ignored
            }
        });
    }
    // Without names nothing else matters: which of the other columns holds them is the first question.
    if !columns.contains(&Column::Name) {
        return Err(nameless(header, is_espressif));
    }
    if let [first, ..] = unknown.as_slice() {
        return Err(unknown_columns(first, &unknown));
    }
    check_once(&columns)?;
    Ok(columns)
}

/// The first column is the identifier that mfg_gen asks for, the others are the keys of NVS entries, of which none is
/// called as our column is.
fn is_espressif(header: &[&str]) -> bool {
    let is_name = |title: &&str| title.eq_ignore_ascii_case("name");
    header.first().is_some_and(|first| first.eq_ignore_ascii_case(VALUES_ID)) && !header.iter().any(is_name)
}

fn meaning(title: &str, wish: &ColumnSelection, attributes: &[&str]) -> Result<Option<Column>> {
    if wish.name.as_deref() == Some(title) {
        return Ok(Some(Column::Name));
    }
    // Column names of spreadsheets begin with capitals as often as not; the name of the attribute keeps its own.
    if let Some((prefix, attribute)) = title.split_at_checked(ATTRIBUTE.len())
        && prefix.eq_ignore_ascii_case(ATTRIBUTE)
    {
        return attribute_of(attribute).map(Some);
    }
    if attributes.contains(&title) {
        return attribute_of(title).map(Some);
    }
    let known = KNOWN.iter().find(|(name, _)| title.eq_ignore_ascii_case(name)).map(|(_, column)| column.clone());
    // If the user names another column for the names, this one is no longer special.
    Ok(known.filter(|column| *column != Column::Name || wish.name.is_none()))
}

fn attribute_of(name: &str) -> Result<Column> {
    if name.is_empty() {
        return Err(header_error("a column is called \"attr.\"").because("the name of the attribute is missing"));
    }
    check_key("attribute", name)?;
    Ok(Column::Attribute(name.to_owned()))
}

/// Rejects columns whose names show that another character was meant as the separator.
fn check_separator(header: &[&str], wish: &ColumnSelection) -> Result<()> {
    // With one column there is no separator to be seen, so a wrong one shows only in the title. With several it shows if it
    // divides a title into those that are there, as in `name|site, floor`.
    let shows = |title: &str, c: char| title.contains(c) && title.split(c).any(|part| wish.is_name(part.trim()));
    let wrong = match header {
        [only] => only.chars().find(|c| matches!(c, ';' | ',' | '\t' | '|')),
        _ if header.iter().any(|title| wish.is_name(title)) => None,
        several => [';', '\t', '|'].into_iter().find(|c| several.iter().any(|title| shows(title, *c))),
    };
    match wrong {
        None => Ok(()),
        Some(separator) => Err(header_error("the columns are not separated by commas")
            .because(format!("the first line with columns contains {separator:?}"))
            .fix("save the list as \"CSV UTF-8\", with commas or semicolons between its columns")),
    }
}

/// Every column that was named on the command line has to be there, and has one use.
fn check_wanted(header: &[&str], wish: &ColumnSelection, attributes: &[&str]) -> Result<()> {
    let mut wanted = wish.name.iter().map(String::as_str).chain(attributes.iter().copied());
    if let Some(missing) = wanted.find(|wanted| !header.contains(wanted)) {
        return Err(header_error(format!("there is no column {}", quote(missing)))
            .because(format!("there are {}", list(header)))
            .fix(advice(closest(missing, header), "name one of them")));
    }
    match attributes.iter().find(|attribute| wish.is_name(attribute)) {
        None => Ok(()),
        Some(name) => Err(header_error(format!("the column {} cannot be an attribute", quote(name)))
            .because("it has the names of the devices")
            .fix(format!(
                "leave out {}, or select another column for the names with --name-column COLUMN",
                option("--attribute", name)
            ))),
    }
}

fn check_once(columns: &[Column]) -> Result<()> {
    let mut seen = HashSet::new();
    let twice = columns
        .iter()
        // Several columns without a name are usual in exported spreadsheets.
        .filter(|column| !matches!(column, Column::Nameless | Column::Ignored))
        .map(title)
        .find(|title| !seen.insert(title.clone()));
    match twice {
        None => Ok(()),
        Some(title) => Err(header_error(format!("the column {} appears twice", quote(&title)))
            .fix("leave one of them out, or give it another name")),
    }
}

/// The title of a column.
pub(super) fn title(column: &Column) -> String {
    match column {
        Column::Attribute(name) => format!("{ATTRIBUTE}{name}"),
        other => KNOWN.iter().find(|(_, known)| known == other).map_or("", |(name, _)| *name).to_owned(),
    }
}

fn nameless(header: &[&str], is_espressif: bool) -> Error {
    let error = header_error("no column is called \"name\"");
    if is_espressif {
        let error = error.because("its first column is \"id\", as in the values CSV of Espressif's mfg_gen");
        // With the numbers of the lines as names, devices of two lists would have the same names.
        let is_other = |title: &&&str| !title.is_empty() && !title.eq_ignore_ascii_case(VALUES_ID);
        return match header.iter().find(is_other) {
            Some(other) => error.fix(format!("select the column with the names, for example {}", name_column(other))),
            None => error.fix("add a column called name, with a name for each device"),
        };
    }
    if header.first().is_some_and(|first| first.starts_with('#')) {
        return error.because("the first line is a comment, which lists do not have").fix(
            "delete the line, or only the sign # if the line names the columns; the first line must name them, such as \
             name,label",
        );
    }
    // A title with a separator comes from a list with another one, and would make a device of a whole line.
    let titles: Vec<&str> = header.iter().copied().filter(|title| !title.contains([';', '|', '\t'])).collect();
    // A device in the place of the title is the most frequent mistake, so the example uses it only if nothing fits
    // better.
    let of_thingsboard = || titles.iter().copied().find(|title| NAMES.contains(&title.to_ascii_lowercase().as_str()));
    let likely = closest("name", &titles)
        .or_else(of_thingsboard)
        .or_else(|| titles.iter().copied().find(|title| !title.is_empty()));
    let example = match likely {
        Some(title) => name_column(title),
        None => "--name-column COLUMN".to_owned(),
    };
    let fix = format!(
        "select the column with the names, for example {example}; if the list begins with a device, put the line \
         `name` in front"
    );
    error.because(format!("the first line must name the columns, and there are {}", list(header))).fix(fix)
}

/// The option that selects a column, as a shell takes it.
fn name_column(title: &str) -> String {
    option("--name-column", title)
}

/// An option with a title as its value, as a shell takes both.
fn option(name: &str, title: &str) -> String {
    let word = shell_word(title);
    // Behind a space, the title would be an option itself.
    let separator = if title.starts_with('-') { '=' } else { ' ' };
    format!("{name}{separator}{word}")
}

fn unknown_columns(first: &str, unknown: &[&str]) -> Error {
    let names = KNOWN.map(|(name, _)| name);
    let what = match unknown {
        [only] => format!("unknown column {}", quote(only)),
        several => format!("unknown columns {}", list(several)),
    };
    let other = format!("delete it, or make it an attribute with {}", option("--attribute", first));
    let lower = first.to_ascii_lowercase();
    let fix = match FOREIGN.iter().find(|(foreign, _)| *foreign == lower) {
        Some((_, ours)) => {
            format!("ThingsBoard's {} is the device profile: call the column `{ours}`; or {other}", quote(first))
        }
        // The column of the names, although `--name-column` has selected another one.
        None if names.contains(&lower.as_str()) => {
            format!("leave out --name-column if {} has the names of the devices; else {other}", quote(first))
        }
        None => advice(closest(&lower, &names), &other),
    };
    Code::UnknownColumn.error(what).fix(fix)
}

/// The names of the column with the names in other tools.
const NAMES: [&str; 5] = ["device name", "devicename", "device_name", "device", "entity name"];

/// The names of our columns in the import of ThingsBoard's web page and in other tools.
const FOREIGN: [(&str, &str); 7] = [
    ("type", "profile"),
    ("device type", "profile"),
    ("device profile", "profile"),
    ("device_profile", "profile"),
    ("deviceprofile", "profile"),
    ("deviceprofilename", "profile"),
    ("device profile name", "profile"),
];

fn advice(near: Option<&str>, other: &str) -> String {
    near.map_or(other.to_owned(), |near| format!("did you mean {}? else {other}", shell_word(near)))
}

/// The columns as a message shows them: not all of a hundred.
pub(super) fn list(titles: &[&str]) -> String {
    const SHOWN: usize = 10;
    let mut texts: Vec<String> = titles.iter().take(SHOWN).map(|title| quote(title).to_string()).collect();
    if titles.len() > SHOWN {
        texts.push(format!("{} more", titles.len() - SHOWN));
    }
    texts.join(", ")
}

fn header_error(what: impl Into<String>) -> Error {
    Code::NamesHeader.error(what)
}
