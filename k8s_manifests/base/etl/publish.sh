# Publish the report whatever came of the run, then the refined weeks if it went well; end with the run's exit code.
# A failure to copy is 1, which is tried again.
set -u
work=${WORK:-/work}
lake=$work/lake
code=$(cat "$work/exit-code") || exit 1

if [ -d "$lake/reports" ]; then
  aws s3 cp --recursive --only-show-errors "$lake/reports" "$MLOPS_LAKE/artifacts/validation/$RUN" || exit 1
fi
if [ "$code" -ne 0 ]; then
  echo "mlops ended with $code; nothing but its report is published" >&2
  exit "$code"
fi

# A week's manifest says that the week is whole: it goes first and comes last.
for manifest in "$lake"/silver/_manifests/*.json; do
  week=$(basename "$manifest" .json)
  aws s3 rm --only-show-errors "$MLOPS_LAKE/silver/_manifests/$week.json" || exit 1
  for table in silver/transactions gold/baskets gold/products; do
    aws s3 sync --delete --only-show-errors "$lake/$table/shop_week=$week" "$MLOPS_LAKE/$table/shop_week=$week" || exit 1
  done
  aws s3 cp --only-show-errors "$manifest" "$MLOPS_LAKE/silver/_manifests/$week.json" || exit 1
  echo "published week $week"
done
