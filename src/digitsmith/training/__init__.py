"""Training, the only place that knows torch: of generators (`gans`), of readers (`readers`), and what both use."""
