// Package petshop lays the normal operation of the PetShop data set (Hardt et al., The PetShop Dataset — Finding Causes of Performance Issues across
// Microservices, CLeaR 2024), or any of the same layout, SCENARIO/noissue/metrics.csv, out as the Numenta Anomaly Benchmark does: a file for each
// series. Nothing was wrong, so there are no labels, and whatever a detector finds there is false.
package petshop

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/homeostat/homeostat/bench/quality/nab"
)

// headers are the rows above the first one of values: microservice, metric, statistic and, beside the name of the times, nothing.
const headers = 4

// Lay writes out/data/SCENARIO/SERIES.csv for each column of each scenario that has two values at least, and labels that name none of them.
func Lay(data, out string) error {
	files, err := filepath.Glob(filepath.Join(data, "*", "noissue", "metrics.csv"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("there is no file %s", filepath.Join(data, "SCENARIO", "noissue", "metrics.csv"))
	}
	for _, path := range files {
		scenario := filepath.Base(filepath.Dir(filepath.Dir(path)))
		if err := lay(path, filepath.Join(out, "data", scenario)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	labels := filepath.Join(out, "labels")
	if err := os.MkdirAll(labels, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"combined_windows.json", "combined_labels.json"} {
		if err := os.WriteFile(filepath.Join(labels, name), []byte("{}\n"), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// lay writes the columns of a file into a folder.
func lay(path, folder string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return err
	}
	if len(rows) <= headers {
		return fmt.Errorf("has %d rows: below %d of microservices, metrics and statistics there are to be values", len(rows), headers)
	}
	times := make([]string, len(rows))
	for i, r := range rows[headers:] {
		at, err := strconv.ParseFloat(r[0], 64)
		if err != nil || math.IsNaN(at) || math.Abs(at) > 1e11 {
			return fmt.Errorf("row %d begins with %q, not with a time in Unix seconds", headers+i+1, r[0])
		}
		times[headers+i] = time.Unix(int64(at), 0).UTC().Format(nab.Layout)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for column := 1; column < len(rows[0]); column++ {
		var text strings.Builder
		text.WriteString("timestamp,value\n")
		values := 0
		for i := headers; i < len(rows); i++ {
			if v := rows[i][column]; v != "" {
				fmt.Fprintf(&text, "%s,%s\n", times[i], v)
				values++
			}
		}
		if values < 2 {
			continue
		}
		series := fmt.Sprintf("%03d-%s", column, inNames.ReplaceAllString(rows[0][column]+"-"+rows[1][column]+"-"+rows[2][column], "_"))
		if err := os.WriteFile(filepath.Join(folder, series+".csv"), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// inNames is what names of files are kept free of.
var inNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)
