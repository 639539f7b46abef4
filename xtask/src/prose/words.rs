//! The words that our texts do without, each with the plain word.

/// A banned word and what to write instead.
pub(super) struct Word {
    /// Words or phrases, separated by `|`. A `*` at the end stands for any ending; a colon must follow where one is
    /// written.
    pub(super) banned: &'static str,
    pub(super) plain: &'static str,
}

/// Words and phrases of no plain technical English, then British spellings.
pub(super) const WORDS: &[Word] = &[
    word("nobody", "name the subject: no user, no caller, not; or no one"),
    word("somebody", "name the subject: the user, the caller; or someone"),
    word("anybody", "name the subject: any user, any caller; or anyone"),
    word("whoever", "name the subject: the user who; or anyone who"),
    // These leave open who knows or who acts, which is what the reader wants to know.
    word("it is not known", "no .. is configured; .. is unknown"),
    word("to do:", "help:"),
    word("stands", "is; is in; is stored in; represents"),
    // Files, tables and programs do not speak.
    word("says|said", "states, prints, reports, contains, returns; is"),
    word("anew", "again; new"),
    word("beside", "next to; with; in the same directory as"),
    word("bears", "has; contains; is signed by"),
    word("foretell|foretells|foretold", "predict"),
    word("kin", "related; name the relation"),
    word("mend|mends|mended|mending", "repair, fix"),
    word("turn away|turns away|turned away|turning away", "reject, refuse"),
    word("brought ca|brought cas", "imported CA"),
    // From here on British spellings.
    word("ageing", "aging"),
    word("amongst", "among"),
    word("analyse*|analysing", "analyze"),
    word("artefact*", "artifact"),
    word("armour*", "armor"),
    word("behaviour*|misbehaviour*", "behavior"),
    word("catalogue*", "catalog"),
    word("centre|centres|centred", "center"),
    word("colour*|discolour*", "color"),
    word("defence*", "defense"),
    word("endeavour*", "endeavor"),
    word("favour*|unfavour*", "favor"),
    word("flavour*", "flavor"),
    word("fulfil|fulfils|fulfilment", "fulfill"),
    word("grey*", "gray"),
    word("harbour*", "harbor"),
    word("honour*|dishonour*", "honor"),
    word("judgement*", "judgment"),
    word("labelled|labelling|unlabelled", "labeled"),
    word("labour*", "labor"),
    word("learnt", "learned"),
    word("licence|licences", "license"),
    word("metre|metres", "meter"),
    word("modelled|modelling", "modeled"),
    word("neighbour*", "neighbor"),
    word("offence*", "offense"),
    word("practise*|practising", "practice"),
    word("programme|programmes", "program"),
    word("signalled|signalling", "signaled"),
    word("spelt", "spelled"),
    word("travelled|travelling", "traveled"),
    word("whilst", "while"),
];

/// Verbs that British English spells with `-ise` or `-isation`, without this ending.
pub(super) const ISE_VERBS: &[&str] = &[
    "apolog",
    "author",
    "reauthor",
    "unauthor",
    "canonical",
    "capital",
    "categor",
    "central",
    "character",
    "custom",
    "emphas",
    "equal",
    "final",
    "formal",
    "general",
    "harmon",
    "initial",
    "international",
    "reinitial",
    "uninitial",
    "item",
    "local",
    "material",
    "maxim",
    "memor",
    "minim",
    "modern",
    "monopol",
    "normal",
    "optim",
    "unoptim",
    "organ",
    "reorgan",
    "parallel",
    "parameter",
    "penal",
    "personal",
    "priorit",
    "random",
    "real",
    "recogn",
    "unrecogn",
    "sanit",
    "serial",
    "deserial",
    "special",
    "stabil",
    "standard",
    "summar",
    "symbol",
    "synchron",
    "unsynchron",
    "token",
    "util",
    "visual",
];

/// The endings of these verbs.
pub(super) const ISE_ENDINGS: &[&str] =
    &["ise", "ises", "ised", "iser", "isers", "ising", "isation", "isations", "isable"];

const fn word(banned: &'static str, plain: &'static str) -> Word {
    Word { banned, plain }
}
