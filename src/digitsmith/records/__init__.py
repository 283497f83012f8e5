"""What runs, results, data sets and models say of themselves: typed, versioned, read by everything that reads them."""
