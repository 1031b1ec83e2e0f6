//! A figure as PDF: the marks of its SVG, read again, with the styles of `figure.css` on light paper. Text stays text, and the same figure is
//! the same bytes.

use super::draw::STYLE;
use super::helvetica::{self, Cut, encoded};
use super::style::{Sheet, Style};
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::writers::ExtGraphicsState;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};
use roxmltree::{Document, Node};
use std::collections::BTreeSet;

/// Points per unit: a figure is about 7.4 inches wide, as a page of a journal is, and its letters are 7.2 points high.
const SCALE: f32 = 0.6;
/// Where two Bezier curves of a quarter of a circle have their control points, in units of the radius.
const CONTROL: f32 = 0.552_284_8;

/// The drawing as a file.
#[must_use]
pub(super) fn file(title: &str, svg: &str) -> Vec<u8> {
    // what `draw.rs` writes can be read
    let document = Document::parse(svg).unwrap_or_else(|error| unreachable!("{error}"));
    let view = numbers(document.root_element().attribute("viewBox").unwrap_or_default());
    let [left, top, width, height] = *view else { unreachable!("a drawing has a view") };
    let mut canvas =
        Canvas { sheet: Sheet::read(STYLE), document: &document, content: Content::new(), alphas: BTreeSet::new() };
    // the vertical axis of a drawing grows downwards
    canvas.content.transform([SCALE, 0.0, 0.0, -SCALE, -SCALE * left, SCALE * (top + height)]);
    canvas.draw(document.root_element(), &Style::default());
    let Canvas { content, alphas, .. } = canvas;

    let mut pdf = Pdf::new();
    let [catalog, pages, page, drawing, regular, bold, info] = [1, 2, 3, 4, 5, 6, 7].map(Ref::new);
    pdf.document_info(info).title(TextStr(title));
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([page]).count(1);
    let mut sheet = pdf.page(page);
    sheet.parent(pages).media_box(Rect::new(0.0, 0.0, SCALE * width, SCALE * height)).contents(drawing);
    let mut resources = sheet.resources();
    resources.fonts().pair(name(Cut::Regular), regular).pair(name(Cut::Bold), bold);
    let mut states = resources.ext_g_states();
    for percent in alphas {
        let mut state = states.insert(Name(alpha_name(percent).as_bytes())).start::<ExtGraphicsState<'_>>();
        state.non_stroking_alpha(f32::from(percent) / 100.0);
    }
    states.finish();
    resources.finish();
    sheet.finish();
    for (font, base) in [(regular, "Helvetica"), (bold, "Helvetica-Bold")] {
        pdf.type1_font(font).base_font(Name(base.as_bytes())).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    pdf.stream(drawing, &content.finish());
    pdf.finish()
}

fn name(cut: Cut) -> Name<'static> {
    match cut {
        Cut::Regular => Name(b"Regular"),
        Cut::Bold => Name(b"Bold"),
    }
}

fn alpha_name(percent: u8) -> String {
    format!("Alpha{percent}")
}

struct Canvas<'a> {
    sheet: Sheet<'static>,
    document: &'a Document<'a>,
    content: Content,
    /// Opacities of fills, in percent.
    alphas: BTreeSet<u8>,
}

impl Canvas<'_> {
    fn draw(&mut self, node: Node<'_, '_>, outer: &Style<'static>) {
        let (element, classes) = (node.tag_name().name(), node.attribute("class").unwrap_or_default());
        let style = self.sheet.of(outer, element, classes);
        match element {
            "svg" => self.inside(node, &style),
            "g" => {
                self.content.save_state();
                self.place(node);
                self.inside(node, &style);
                self.content.restore_state();
            }
            "text" => self.text(node, &style),
            "line" | "rect" | "circle" | "polyline" | "polygon" => self.mark(node, &style),
            // words about the marks, and shapes that are used elsewhere
            _ => {}
        }
    }

    fn inside(&mut self, node: Node<'_, '_>, style: &Style<'static>) {
        node.children().filter(Node::is_element).for_each(|child| self.draw(child, style));
    }

    /// Moves what follows, and cuts it to a rectangle.
    fn place(&mut self, node: Node<'_, '_>) {
        let moved = node.attribute("transform").and_then(|text| text.strip_prefix("translate(")?.strip_suffix(')'));
        if let [x, y] = numbers(moved.unwrap_or_default())[..] {
            self.content.transform([1.0, 0.0, 0.0, 1.0, x, y]);
        }
        let clip = node.attribute("clip-path").and_then(|text| text.strip_prefix("url(#")?.strip_suffix(')'));
        let clip = clip.and_then(|id| self.document.descendants().find(|node| node.attribute("id") == Some(id)));
        if let Some(rect) = clip.and_then(|clip| clip.first_element_child()) {
            self.rect(rect);
            self.content.clip_nonzero().end_path();
        }
    }

    fn rect(&mut self, node: Node<'_, '_>) {
        let [x, y, width, height] = ["x", "y", "width", "height"].map(|key| number(node, key));
        self.content.rect(x, y, width, height);
    }

    fn mark(&mut self, node: Node<'_, '_>, style: &Style<'static>) {
        let (fill, stroke) = (style.color("fill"), style.color("stroke"));
        // each mark has a state of its own, so that nothing is left of it
        self.content.save_state();
        if let Some([red, green, blue]) = fill {
            self.content.set_fill_rgb(red, green, blue);
            let percent = (100.0 * style.number("fill-opacity").unwrap_or(1.0)).round() as u8;
            if percent < 100 {
                self.alphas.insert(percent);
                self.content.set_parameters(Name(alpha_name(percent).as_bytes()));
            }
        }
        if let Some([red, green, blue]) = stroke {
            self.content.set_stroke_rgb(red, green, blue);
            self.content.set_line_width(style.number("stroke-width").unwrap_or(1.0) as f32);
            if style.get("stroke-linecap") == Some("round") {
                self.content.set_line_cap(LineCapStyle::RoundCap);
            }
            if style.get("stroke-linejoin") == Some("round") {
                self.content.set_line_join(LineJoinStyle::RoundJoin);
            }
            self.content.set_dash_pattern(numbers(style.get("stroke-dasharray").unwrap_or_default()), 0.0);
        }
        self.path(node);
        // a line has no inside
        match (fill.filter(|_| node.tag_name().name() != "line"), stroke) {
            (Some(_), Some(_)) => self.content.fill_nonzero_and_stroke(),
            (Some(_), None) => self.content.fill_nonzero(),
            (None, Some(_)) => self.content.stroke(),
            (None, None) => self.content.end_path(),
        };
        self.content.restore_state();
    }

    fn path(&mut self, node: Node<'_, '_>) {
        let get = |key| number(node, key);
        match node.tag_name().name() {
            "line" => {
                self.content.move_to(get("x1"), get("y1")).line_to(get("x2"), get("y2"));
            }
            "rect" => self.rect(node),
            "circle" => {
                let (x, y, r, c) = (get("cx"), get("cy"), get("r"), CONTROL * get("r"));
                self.content.move_to(x + r, y);
                for [x1, y1, x2, y2, x3, y3] in
                    [[r, c, c, r, 0.0, r], [-c, r, -r, c, -r, 0.0], [-r, -c, -c, -r, 0.0, -r], [c, -r, r, -c, r, 0.0]]
                {
                    self.content.cubic_to(x + x1, y + y1, x + x2, y + y2, x + x3, y + y3);
                }
                self.content.close_path();
            }
            shape => {
                let places = numbers(node.attribute("points").unwrap_or_default());
                for (index, place) in places.chunks_exact(2).enumerate() {
                    match index {
                        0 => self.content.move_to(place[0], place[1]),
                        _ => self.content.line_to(place[0], place[1]),
                    };
                }
                if shape == "polygon" {
                    self.content.close_path();
                }
            }
        }
    }

    fn text(&mut self, node: Node<'_, '_>, style: &Style<'static>) {
        let size = style.number("font-size").unwrap_or(12.0);
        let cut = if style.get("font-weight").is_some() { Cut::Bold } else { Cut::Regular };
        let text = encoded(node.text().unwrap_or_default());
        let left = match node.attribute("text-anchor") {
            Some("middle") => size * helvetica::width(cut, &text) / 2.0,
            Some("end") => size * helvetica::width(cut, &text),
            _ => 0.0,
        };
        let [red, green, blue] = style.color("fill").unwrap_or_default();
        self.content.set_fill_rgb(red, green, blue).begin_text().set_font(name(cut), size as f32);
        self.content.set_text_matrix([1.0, 0.0, 0.0, -1.0, number(node, "x") - left as f32, number(node, "y")]);
        self.content.show(Str(&text)).end_text();
    }
}

fn number(node: Node<'_, '_>, key: &str) -> f32 {
    node.attribute(key).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn numbers(text: &str) -> Vec<f32> {
    text.split([' ', ',']).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Anchor, Figure, dot, line, text};
    use maud::html;

    fn figure(title: &str, words: &str) -> String {
        let marks = html! {
            g class="best" transform="translate(10 20)" { (dot((1.0, 2.0), 3.0, "dot", "a title")) }
            (line((0.0, 0.0), (860.0, 0.0), "reference"))
            (text(860.0, 5.0, Anchor::End, "strong", words))
        };
        let (see, caution) = (String::new(), String::new());
        let figure = Figure { name: "f", title: title.to_owned(), see, caution, height: 100.0, marks };
        assert_eq!(figure.pdf(), figure.pdf(), "the same bytes");
        String::from_utf8_lossy(&figure.pdf()).into_owned()
    }

    #[test]
    fn marks_are_where_and_as_they_are_in_the_page() {
        let pdf = figure("Scores", "a (b) \u{2212}0.5");
        // 860 + 32 and 100 + 32 units; the vertical axis is turned
        assert!(pdf.contains("/MediaBox [0 0 535.2 79.2") && pdf.contains("0.6 0 0 -0.6 9.6 69.6"), "{pdf}");
        assert!(pdf.contains("1 0 0 1 10 20 cm\nq\n0 0.44705883 0.69803923 rg\n/Alpha45 gs"), "{pdf}");
        assert!(pdf.contains("[3 3] 0 d\n0 0 m\n860 0 l\nS"), "{pdf}");
        assert!(pdf.contains("/Bold 12 Tf") && pdf.contains("/BaseFont /Helvetica-Bold"), "{pdf}");
        // `a (b) -0.5`, with WinAnsi's dash
        assert!(pdf.contains("<61202862292096302E35> Tj") && pdf.contains("/Title (Scores)"), "text stays text: {pdf}");
        assert!(!pdf.contains("a title") && !pdf.contains("NaN"));
    }

    #[test]
    fn a_text_ends_where_it_is_said_to_end() {
        let place = |words: &str| {
            let pdf = figure("f", words);
            let (before, _) = pdf.split_once(" Tm").unwrap_or_else(|| panic!("{pdf}"));
            let place = before.rsplit('\n').next().and_then(|matrix| matrix.split(' ').nth(4)?.parse::<f32>().ok());
            place.unwrap_or_else(|| panic!("{pdf}"))
        };
        // unet2 in bold is 2.667 wide
        assert!((place("unet2") - (860.0 - 12.0 * 2.667)).abs() < 1e-3);
        assert!((place("") - 860.0).abs() < 1e-3);
    }
}
