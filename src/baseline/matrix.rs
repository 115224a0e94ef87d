//! Small dense symmetric systems: Cholesky with detection of columns that depend on earlier ones.
//! Not responsible for what the columns mean.

/// Relative size of a pivot under which a column counts as a combination of earlier ones.
const DEPENDENT: f64 = 1e-9;

/// A symmetric positive-definite matrix, factored as L L′ (Golub & Van Loan, Matrix Computations,
/// 4.2). Row-major, `p` rows. A column that depends on earlier ones is given a zero coefficient.
#[derive(Debug, Clone)]
pub(crate) struct Factored {
    p: usize,
    lower: Vec<f64>,
    /// Columns that depend on earlier ones, ascending.
    pub(crate) dependent: Vec<usize>,
}

impl Factored {
    /// Factors `a` (only its lower triangle is read).
    pub(crate) fn new(a: &[f64], p: usize) -> Self {
        let mut lower = vec![0.0; p * p];
        let mut dependent = Vec::new();
        for j in 0..p {
            let mut pivot = a[j * p + j];
            for k in 0..j {
                pivot -= lower[j * p + k] * lower[j * p + k];
            }
            if pivot.is_nan() || pivot <= DEPENDENT * a[j * p + j] || a[j * p + j] <= 0.0 {
                // A zero row and column with a unit pivot takes the column out.
                for k in 0..j {
                    lower[j * p + k] = 0.0;
                }
                lower[j * p + j] = 0.0;
                dependent.push(j);
                continue;
            }
            let root = pivot.sqrt();
            lower[j * p + j] = root;
            for i in j + 1..p {
                let mut value = a[i * p + j];
                for k in 0..j {
                    value -= lower[i * p + k] * lower[j * p + k];
                }
                lower[i * p + j] = value / root;
            }
        }
        Factored {
            p,
            lower,
            dependent,
        }
    }

    /// Solves A x = b; dependent columns get 0.
    pub(crate) fn solve(&self, b: &[f64]) -> Vec<f64> {
        let p = self.p;
        let mut x = b.to_vec();
        for i in 0..p {
            let pivot = self.lower[i * p + i];
            if pivot == 0.0 {
                x[i] = 0.0;
                continue;
            }
            let mut value = x[i];
            for (l, known) in self.lower[i * p..i * p + i].iter().zip(&x) {
                value -= l * known;
            }
            x[i] = value / pivot;
        }
        for i in (0..p).rev() {
            let pivot = self.lower[i * p + i];
            if pivot == 0.0 {
                x[i] = 0.0;
                continue;
            }
            let mut value = x[i];
            for (k, known) in x.iter().enumerate().skip(i + 1) {
                value -= self.lower[k * p + i] * known;
            }
            x[i] = value / pivot;
        }
        x
    }

    /// The inverse, row-major; zero rows and columns for dependent ones.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let p = self.p;
        let mut inverse = vec![0.0; p * p];
        let mut unit = vec![0.0; p];
        for j in 0..p {
            if self.lower[j * p + j] == 0.0 {
                continue;
            }
            unit[j] = 1.0;
            let column = self.solve(&unit);
            unit[j] = 0.0;
            for i in 0..p {
                inverse[i * p + j] = column[i];
            }
        }
        inverse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_inverts_and_takes_out_dependent_columns() {
        let a = [4.0, 2.0, 6.0, 2.0, 5.0, 7.0, 6.0, 7.0, 13.0];
        let f = Factored::new(&a[..], 3);
        // Column 3 is the sum of the first two.
        assert_eq!(f.dependent, [2]);
        let x = f.solve(&[8.0, 9.0, 17.0]);
        assert!((4.0 * x[0] + 2.0 * x[1] - 8.0).abs() < 1e-12 && x[2] == 0.0);
        let inverse = f.inverse();
        assert!((inverse[0] - 5.0 / 16.0).abs() < 1e-12 && inverse[8] == 0.0);
    }
}
