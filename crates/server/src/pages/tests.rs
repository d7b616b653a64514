//! What pages show and hold back, and that their colours can be read.

use askama::Template;

use super::{AcceptInvitation, Leave, Notice, POLICY, Provider, Purpose, STYLE, SignIn, Wrong};

const HOSTILE: &str = "\"><script>alert('1')</script>&amp;";
const ESCAPED: &str = "&#34;&#62;&#60;script&#62;alert(&#39;1&#39;)&#60;/script&#62;&#38;amp;";

fn sign_in<'a>(text: &'a str, providers: &'a [Provider<'a>], error: Option<&'a str>) -> String {
    let page = SignIn {
        csrf: text,
        next: text,
        organization: text,
        email: text,
        is_password_taken: true,
        providers,
        error,
        are_fields_wrong: error.is_some(),
    };
    page.render().unwrap()
}

fn accept(text: &str, wrong: Wrong) -> String {
    let page = AcceptInvitation {
        action: text,
        csrf: text,
        organization: text,
        purpose: Purpose::Join,
        invited_by: text,
        expires: text,
        email: text,
        asks_email: true,
        name: text,
        asks_name: true,
        asks_password: true,
        password_chars_min: 12,
        error: Some(text),
        wrong,
    };
    page.render().unwrap()
}

fn all(text: &str) -> Vec<String> {
    let providers = [Provider { name: "acme", label: text }];
    let mut all = vec![
        sign_in(text, &providers, Some(text)),
        Leave { label: text, url: text }.render().unwrap(),
        Notice { text }.render().unwrap(),
    ];
    let fields = [Wrong::None, Wrong::Email, Wrong::Name, Wrong::Password, Wrong::PasswordAgain];
    all.extend(fields.map(|wrong| accept(text, wrong)));
    all
}

#[test]
fn whatever_is_shown_is_escaped() {
    for page in all(HOSTILE) {
        assert!(page.contains(ESCAPED) && !page.contains("<script"), "{page}");
    }
}

#[test]
fn pages_need_nothing_that_the_policy_forbids() {
    assert!(POLICY.starts_with("default-src 'none';") && !POLICY.contains("unsafe"));
    for page in all("x") {
        for forbidden in [" style=", "<style", "<script", "<img", " onclick", "http://", "https://"] {
            assert!(!page.contains(forbidden), "{forbidden}: {page}");
        }
        assert_eq!(page.matches("href=\"/assets/trailbook.css\"").count(), 1);
    }
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
}

#[test]
fn every_form_carries_its_token_and_every_field_its_label() {
    for page in all("x") {
        let forms: Vec<&str> = page.split("<form").skip(1).collect();
        for form in &forms {
            assert!(form.contains("method=\"post\"") && form.contains("name=\"csrf\" value=\"x\""), "{form}");
        }
        for id in page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let label = format!("<label for=\"{id}\">");
            assert!(!page.contains(&format!("<input id=\"{id}\"")) || page.contains(&label), "{id}: {page}");
        }
        // What an attribute points to is there.
        for ids in page.split("aria-describedby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.split(' ').all(|id| page.contains(&format!("id=\"{id}\""))), "{ids}: {page}");
        }
    }
    assert_eq!(
        (sign_in("x", &[], None).matches("<form").count(), accept("x", Wrong::None).matches("<form").count()),
        (1, 1)
    );
}

#[test]
fn passwords_are_masked_for_managers_to_fill_and_never_cut() {
    let page = sign_in("x", &[], None);
    assert!(page.contains("type=\"password\" required autocomplete=\"current-password\""));
    assert!(page.contains("autocomplete=\"username\""));
    let page = accept("x", Wrong::None);
    assert_eq!(page.matches("type=\"password\" required autocomplete=\"new-password\"").count(), 2);
    assert!(!page.contains("maxlength") && page.contains("At least 12 characters"));
}

#[test]
fn an_organization_without_passwords_is_not_asked_for_one() {
    let providers = [Provider { name: "acme", label: "Acme" }];
    let page = SignIn {
        csrf: "x",
        next: "/",
        organization: "acme",
        email: "",
        is_password_taken: false,
        providers: &providers,
        error: None,
        are_fields_wrong: false,
    };
    let page = page.render().unwrap();
    assert!(!page.contains("password\"") && page.contains("action=\"/sign-in/acme\""), "{page}");
}

#[test]
fn an_invitation_asks_for_what_is_not_known_and_says_which_field_is_wrong() {
    for (asks, fields) in [(true, 4), (false, 0)] {
        let page = AcceptInvitation {
            action: "/invitations/s",
            csrf: "x",
            organization: "acme",
            purpose: Purpose::NewPassword,
            invited_by: "a",
            expires: "never",
            email: "jane@acme.example",
            asks_email: asks,
            name: "",
            asks_name: asks,
            asks_password: asks,
            password_chars_min: 12,
            error: None,
            wrong: Wrong::None,
        };
        let page = page.render().unwrap();
        assert_eq!(page.matches(" required ").count(), fields, "{page}");
        assert!(page.contains("readonly") != asks && page.contains("jane@acme.example"), "{page}");
    }
    for (wrong, id) in [
        (Wrong::Email, "email"),
        (Wrong::Name, "name"),
        (Wrong::Password, "password"),
        (Wrong::PasswordAgain, "password-again"),
    ] {
        let page = accept("why", wrong);
        assert_eq!(page.matches("aria-invalid").count(), 1, "{page}");
        assert!(page.contains(&format!("id=\"{id}-error\">why<")) && !page.contains("notice-error"), "{page}");
    }
}

/// What a colour and what is under it need: 4.5 for text, 3 for edges.
const PAIRS: [(&str, &str, f64); 31] = [
    ("ink", "ground", 4.5),
    ("ink", "paper", 4.5),
    ("ink", "shade", 4.5),
    ("ink-soft", "paper", 4.5),
    ("ink-soft", "shade", 4.5),
    ("accent", "paper", 4.5),
    ("accent", "shade", 4.5),
    ("accent-strong", "paper", 4.5),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-strong", 4.5),
    ("error", "paper", 4.5),
    ("error", "error-shade", 4.5),
    ("edge", "paper", 3.0),
    ("edge", "shade", 3.0),
    ("error", "shade", 4.5),
    ("accent", "tint", 4.5),
    ("ink", "tint", 4.5),
    ("ink-soft", "tint", 4.5),
    ("ink-soft", "ground", 4.5),
    ("good", "paper", 4.5),
    ("good", "shade", 4.5),
    ("good", "good-shade", 4.5),
    ("warning", "paper", 4.5),
    ("warning", "shade", 4.5),
    ("warning", "warning-shade", 4.5),
    ("error", "tint", 4.5),
    ("warning", "tint", 4.5),
    ("chart-succeeded", "paper", 3.0),
    ("chart-failed", "paper", 3.0),
    ("chart-denied", "paper", 3.0),
    ("chart-initiated", "paper", 3.0),
];

#[test]
fn colours_have_the_contrast_that_reading_needs() {
    for (theme, name) in [(0, "light"), (1, "dark")] {
        for (colour, under, least) in PAIRS {
            let (a, b) = (luminance(theme, colour), luminance(theme, under));
            let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
            assert!(contrast >= least, "{colour} on {under}, {name}: {contrast:.2}, not {least}");
        }
    }
}

/// As WCAG 2.2 has it: <https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>.
fn luminance(theme: usize, name: &str) -> f64 {
    let (_, values) = STYLE.split_once(&format!("--{name}: light-dark(#")).unwrap();
    let (values, _) = values.split_once(')').unwrap();
    let value = values.split(", #").nth(theme).unwrap();
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&value[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
}
