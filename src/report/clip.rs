//! Cuts lines and areas at the edges of what an axis shows: plotters would bend them there.

use super::axis::{Axis, whole};

pub(super) type Point = [f64; 2];

/// The part of the plane that is seen.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub x: (f64, f64),
    pub y: (f64, f64),
}

impl Window {
    pub const UNIT: Self = Self { x: (0.0, 1.0), y: (0.0, 1.0) };

    pub fn of(x: &Axis, y: &Axis) -> Self {
        Self { x: x.range, y: y.range }
    }

    pub fn contains(&self, [x, y]: Point) -> bool {
        (self.x.0..=self.x.1).contains(&x) && (self.y.0..=self.y.1).contains(&y)
    }

    /// The seen part of the straight line from `a` to `b` (Liang and Barsky 1984); none if a number cannot be drawn.
    pub fn segment(&self, a: Point, b: Point) -> Option<(Point, Point)> {
        (whole(&a) && whole(&b)).then_some(())?;
        let delta = [b[0] - a[0], b[1] - a[1]];
        let (mut from, mut to) = (0f64, 1f64);
        for (start, delta, (low, high)) in [(a[0], delta[0], self.x), (a[1], delta[1], self.y)] {
            if delta == 0.0 {
                (low..=high).contains(&start).then_some(())?;
                continue;
            }
            let (low, high) = ((low - start) / delta, (high - start) / delta);
            (from, to) = (from.max(low.min(high)), to.min(low.max(high)));
        }
        let at = |t: f64| match t {
            0.0 => a,
            1.0 => b,
            _ => self.nearest([a[0] + t * delta[0], a[1] + t * delta[1]]),
        };
        (from <= to).then(|| (at(from), at(to)))
    }

    /// The seen parts of the line through all points, in their order.
    pub fn line(&self, points: &[Point]) -> Vec<Vec<Point>> {
        let mut parts: Vec<Vec<Point>> = vec![];
        for (a, b) in points.windows(2).filter_map(|pair| self.segment(pair[0], pair[1])) {
            match parts.last_mut() {
                Some(part) if part.last() == Some(&a) => part.push(b),
                _ => parts.push(vec![a, b]),
            }
        }
        parts
    }

    /// The seen part of a polygon (Sutherland and Hodgman 1974). It may be empty.
    pub fn polygon(&self, corners: Vec<Point>) -> Vec<Point> {
        let sides = [(0, 1.0, self.x.0), (0, -1.0, self.x.1), (1, 1.0, self.y.0), (1, -1.0, self.y.1)];
        sides.into_iter().fold(corners, |corners, (coordinate, sign, limit)| {
            let inside = |point: Point| sign * (point[coordinate] - limit); // 0 and more
            let mut seen = vec![];
            for (index, &b) in corners.iter().enumerate() {
                let a = corners[(index + corners.len() - 1) % corners.len()];
                if (inside(a) < 0.0) != (inside(b) < 0.0) {
                    let t = inside(a) / (inside(a) - inside(b));
                    seen.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]);
                }
                if inside(b) >= 0.0 {
                    seen.push(b);
                }
            }
            seen
        })
    }

    /// The point, or the one on the edge that rounding missed.
    fn nearest(&self, [x, y]: Point) -> Point {
        [x.clamp(self.x.0, self.x.1), y.clamp(self.y.0, self.y.1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_it_leaves_the_window_and_goes_on_where_it_comes_back() {
        let zigzag = [[0.0, 0.5], [0.5, 1.5], [1.0, 0.5]];
        assert_eq!(Window::UNIT.line(&zigzag), [[[0.0, 0.5], [0.25, 1.0]], [[0.75, 1.0], [1.0, 0.5]]]);
        assert_eq!(Window::UNIT.line(&[[0.1, 0.1], [0.2, 0.3], [0.9, 0.2]]), [[[0.1, 0.1], [0.2, 0.3], [0.9, 0.2]]]);
        assert_eq!(Window::UNIT.line(&[[-1.0, 0.5], [-1.0, 0.7], [0.5, 2.0]]), Vec::<Vec<Point>>::new());
    }

    #[test]
    fn a_polygon_is_cut_at_the_edges() {
        let wide = vec![[-1.0, 0.25], [2.0, 0.25], [2.0, 0.75], [-1.0, 0.75]];
        let mut corners = Window::UNIT.polygon(wide);
        corners.sort_by(|a, b| a.partial_cmp(b).expect("no NaN"));
        assert_eq!(corners, [[0.0, 0.25], [0.0, 0.75], [1.0, 0.25], [1.0, 0.75]]);
        assert!(Window::UNIT.polygon(vec![[2.0, 0.0], [3.0, 0.0], [3.0, 1.0]]).is_empty());
    }
}
