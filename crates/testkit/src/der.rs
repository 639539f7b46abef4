//! DER taken apart and put together with one element changed: what a hostile or broken encoder could have written.

/// An element with what is in it. Octet strings and bit strings that hold elements are taken apart as well.
#[derive(Debug, Clone)]
pub struct Node {
    tag: u8,
    /// Octets in front of the elements: the number of unused bits.
    prefix: Vec<u8>,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Octets(Vec<u8>),
    Elements(Vec<Node>),
    /// The element is written as these octets, whatever its tag.
    Raw(Vec<u8>),
}

impl Node {
    /// Takes one element apart.
    pub fn parse(der: &[u8]) -> Node {
        let mut nodes = elements(der).expect("DER");
        assert_eq!(nodes.len(), 1, "one element");
        nodes.remove(0)
    }

    /// The encoding.
    pub fn encode(&self) -> Vec<u8> {
        match &self.content {
            Content::Raw(raw) => raw.clone(),
            _ => element(self.tag, &self.octets()),
        }
    }

    /// The content octets.
    fn octets(&self) -> Vec<u8> {
        match &self.content {
            Content::Octets(octets) | Content::Raw(octets) => octets.clone(),
            Content::Elements(nodes) => {
                [&self.prefix[..], &nodes.iter().flat_map(Node::encode).collect::<Vec<_>>()].concat()
            }
        }
    }

    /// The places of all elements: the number of the element in each level.
    pub fn places(&self) -> Vec<Vec<usize>> {
        let mut places = vec![Vec::new()];
        if let Content::Elements(nodes) = &self.content {
            for (number, node) in nodes.iter().enumerate() {
                places.extend(node.places().into_iter().map(|place| [vec![number], place].concat()));
            }
        }
        places
    }

    fn at(&self, place: &[usize]) -> &Node {
        match (place.split_first(), &self.content) {
            (None, _) => self,
            (Some((first, rest)), Content::Elements(nodes)) => nodes[*first].at(rest),
            _ => panic!("no element there"),
        }
    }

    /// The encoding with other octets in place of the element there.
    pub fn with(&self, place: &[usize], raw: Vec<u8>) -> Vec<u8> {
        fn set(node: &mut Node, place: &[usize], raw: Vec<u8>) {
            match (place.split_first(), &mut node.content) {
                (None, content) => *content = Content::Raw(raw),
                (Some((first, rest)), Content::Elements(nodes)) => set(&mut nodes[*first], rest, raw),
                _ => panic!("no element there"),
            }
        }
        let mut changed = self.clone();
        set(&mut changed, place, raw);
        changed.encode()
    }

    /// The encoding with each change of each element, and what was changed.
    pub fn mutations(&self) -> Vec<(String, Vec<u8>)> {
        let mut mutations = Vec::new();
        for place in self.places() {
            let node = self.at(&place);
            let whole = node.encode();
            // A change that gives the same bytes is none.
            for (what, raw) in node.changes().into_iter().filter(|(_, raw)| *raw != whole) {
                mutations.push((format!("{place:?} (tag {:02x}): {what}", node.tag), self.with(&place, raw)));
            }
        }
        mutations
    }

    /// The changed forms of this element.
    fn changes(&self) -> Vec<(String, Vec<u8>)> {
        let octets = self.octets();
        let whole = self.encode();
        let named = |what: &str, raw: Vec<u8>| (what.to_owned(), raw);
        let mut changes = vec![
            named("empty", vec![self.tag, 0]),
            named("removed", Vec::new()),
            named("twice", [&whole[..], &whole].concat()),
            named("indefinite length", [&[self.tag, 0x80], &octets[..], &[0, 0]].concat()),
            named("octet appended", element(self.tag, &[&octets[..], &[0]].concat())),
            named("NULL appended", element(self.tag, &[&octets[..], &[5, 0]].concat())),
            named("octet in front", element(self.tag, &[&[0], &octets[..]].concat())),
            named("last octet cut", element(self.tag, octets.split_last().map_or(&[][..], |(_, rest)| rest))),
        ];
        if octets.len() < 0x80 {
            let length = u8::try_from(octets.len()).unwrap();
            changes.push(named("long length", [&[self.tag, 0x81, length], &octets[..]].concat()));
        }
        // The tags of certificates, requests and keys, so that each value is once taken for every other type.
        for tag in [
            0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x13, 0x16, 0x17, 0x18, 0x1a, 0x1c, 0x1e, 0x30, 0x31, 0x80, 0x82,
            0x86, 0x87, 0xa0,
        ] {
            if tag != self.tag {
                changes.push((format!("tag {tag:02x}"), element(tag, &octets)));
            }
        }
        if let Content::Octets(content) = &self.content {
            for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                for at in [0, content.len().saturating_sub(1)] {
                    if content.get(at).is_some_and(|octet| *octet != value) {
                        let mut octets = content.clone();
                        octets[at] = value;
                        changes.push((format!("octet {at} is {value:02x}"), element(self.tag, &octets)));
                    }
                }
            }
            // More than any serial number, key identifier or date may have.
            changes.push(named("40 octets", element(self.tag, &[0x11; 40])));
        }
        changes
    }
}

/// One element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let digits = &length[length.iter().take_while(|octet| **octet == 0).count()..];
    let header = match (digits, content.len()) {
        (_, 0..0x80) => vec![tag, u8::try_from(content.len()).unwrap()],
        (digits, _) => [&[tag, 0x80 | u8::try_from(digits.len()).unwrap()], digits].concat(),
    };
    [header, content.to_vec()].concat()
}

/// The elements in these octets; none for octets that are not DER to the last one.
fn elements(octets: &[u8]) -> Option<Vec<Node>> {
    let mut nodes = Vec::new();
    let mut rest = octets;
    while let Some((tag, behind)) = rest.split_first() {
        let (first, behind) = behind.split_first()?;
        let (length, behind) = match first {
            0..0x80 => (usize::from(*first), behind),
            _ => {
                // At most four octets of length: no file here has 4 GiB, and a hostile length must not overflow.
                let (digits, behind) = behind.split_at_checked(usize::from(first & 0x7f)).filter(|_| *first <= 0x84)?;
                (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), behind)
            }
        };
        let (content, behind) = behind.split_at_checked(length)?;
        rest = behind;
        nodes.push(node(*tag, content)?);
    }
    Some(nodes)
}

fn node(tag: u8, content: &[u8]) -> Option<Node> {
    let octets = || Node { tag, prefix: Vec::new(), content: Content::Octets(content.to_vec()) };
    if tag & 0x20 != 0 {
        return Some(Node { tag, prefix: Vec::new(), content: Content::Elements(elements(content)?) });
    }
    let (prefix, inner) = match (tag, content) {
        (0x04, inner) => (&[][..], inner),
        (0x03, [unused, inner @ ..]) => (std::slice::from_ref(unused), inner),
        _ => return Some(octets()),
    };
    let is_der = inner.first().is_some_and(|tag| matches!(tag, 0x03 | 0x04 | 0x30));
    // A key identifier or a signature may look like DER by chance: only what comes out the same was taken apart
    // rightly.
    let nodes = elements(inner).filter(|nodes| is_der && nodes.iter().flat_map(Node::encode).eq(inner.iter().copied()));
    Some(match nodes {
        Some(nodes) => Node { tag, prefix: prefix.to_vec(), content: Content::Elements(nodes) },
        None => octets(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates;

    #[test]
    fn what_is_taken_apart_is_put_together_again() {
        let der = certificates::root("Root").der;
        let tree = Node::parse(&der);
        assert_eq!(tree.encode(), der);
        assert!(tree.places().len() > 40);
        for place in tree.places() {
            assert_eq!(tree.with(&place, tree.at(&place).encode()), der);
        }
        assert!(tree.mutations().iter().all(|(_, mutated)| *mutated != der), "each changes something");
    }
}
