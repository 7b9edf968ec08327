// Package forecast finds values that are not what their series shows at this time of the day and of the week: a peak that does not come,
// a night that is as busy as a day.
//
// Time is cut into bins of half an hour (UTC). Three forecasts say what is expected of a bin:
//
//	level    the moving average of about twelve hours
//	daily    the mean of the last day + the median of how far this time of the day was from the mean of its day, on the last seven days
//	weekly   the mean of the last day + the median of how far this bin was one and two weeks ago, and of daily
//
// Both seasonal forecasts also have a slow correction by what they were off of late, so that a trend and a busier day than usual
// are followed. A median of days stands in for the seasonal indices of exponential smoothing (Holt 1957, Winters 1960; two seasons:
// Taylor, Short-term electricity demand forecasting using double seasonal exponential smoothing, JORS 54, 2003; robust: Gelper,
// Fried, Croux, Robust forecasting with exponential and Holt–Winters smoothing, Journal of Forecasting 29, 2010): a fault on one day
// does not move it at all, and three days are a season. Where two days are known the lesser deviation counts. On the
// series that this was chosen by, its errors were those of robust smoothing with two seasons within a percent, or less by up to a third; with
// faults on two days of four weeks by up to two thirds.
//
// Each forecast's mean absolute error over three days is measured, of values that were not known to it, and what is expected is the range of
// those that are no worse than 1.3 times the best. So a season counts alone once it has explained more than the level does, on the third day
// at the soonest, and days of the week once they explain more than days, in the third week; from the second on, what was so a week ago
// counts as well while it is no worse. Days of the week that do not differ need no classes. A seasonal forecast is the range of its bin and the two
// beside it: what comes half an hour early or late, and jumps within a bin, are nothing. With
//
//	scale = max(1.25 · mean absolute error of the best, or of this time of the day where that is greater, floors)
//	score = distance from what is expected / max(threshold · scale, bar)
//
// where the scale is widened by one part in the number of days that are known, up to seven. The bar begins at 0. Each finding that ends
// moves it a quarter of the way to twice how far off its values were, and it fades in two weeks: bursts at all hours are told three
// times, then once in three days, and when they are greater. Nothing is said on the first day.
//
// Errors are cut at four times what they are used to be and values at three scales beyond what was expected, and while a finding is open
// only what is calm is learned of level, corrections and errors. How wide a time of the day is takes in everything, but at most doubles in a day.
// So a fault does not become the season. What lasts for longer than adapt moves the level; another shape of the day is learned in four days.
//
// Probability is Cantelli's bound, 1 − 1/(1 + z²) with z in scales: no distribution is beyond z more often.
//
// Not found: peaks shorter than an hour that stay away, what is within a few percent of the value (relative), single values (alarm). The first
// weekend of a series that rests on weekends is found, for nobody knows it.
//
// Cost: 3.5 KB for each series that had values, next to nothing for series that are not watched, and 0.2 to 0.3 µs a window, 0.9
// where each is a bin of its own.
package forecast
