# Bring the newest WEEKS raw weeks of the lake to the work folder, laid out as they are there.
set -eu
work=${WORK:-/work}

listed=$(aws s3api list-objects-v2 --bucket "${MLOPS_LAKE#s3://}" --prefix raw/ --delimiter / \
  --query 'CommonPrefixes[].Prefix' --output text)
weeks=$(printf '%s\n' "$listed" | tr '\t' '\n' | sed -n '/^raw\/shop_week=/p' | sort | tail -n "$WEEKS")
if [ -z "$weeks" ]; then
  echo "no weeks under $MLOPS_LAKE/raw/" >&2
  exit 1
fi
for week in $weeks; do
  echo "fetch $week"
  aws s3 cp --recursive --only-show-errors "$MLOPS_LAKE/$week" "$work/$week"
done
