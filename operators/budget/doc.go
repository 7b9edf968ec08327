// Package budget derives what is left of error budgets: for each objective and system and each window of the series pipeline.SLIMetric a
// row of the gauge pipeline.BudgetMetric, to be exported, drawn, and watched (detector exhaustion).
//
//	budget = 1 − (bad / events) / (1 − objective) · elapsed / window
//
// over the objective's window: 1 is untouched, 0 is used up, below 0 is overspent. elapsed is how much of the window is known, so that
// a first bad event uses up its share of a window and not of a minute; the rest is taken to be without bad events. Once the
// window is full it slides, in steps of a 240th of it (three hours of 30 days), and what was bad long ago comes back.
//
// It stands behind operator sli. A window that is opened again for late rows does not count again.
package budget
