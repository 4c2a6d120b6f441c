"""What usage costs: bills, costs by interval, previews, comparisons and prepayment accounts."""
