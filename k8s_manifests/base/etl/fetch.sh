# Bring the raw files of the newest WEEKS weeks to the work folder, laid out as they are in the lake: in whatever folder
# below raw/, each named by its week (transactions_200720.csv, or .csv.gz). Other files are not fetched.
set -eu
work=${WORK:-/work}

keys=$(aws s3api list-objects-v2 --bucket "${MLOPS_LAKE#s3://}" --prefix raw/ --query 'Contents[].Key' --output text)
files=$(printf '%s\n' "$keys" | tr '\t' '\n' | sed -nE 's#^raw/.*([0-9]{6})\.csv(\.gz)?$#\1 &#p' | sort)
if [ -z "$files" ]; then
  echo "no file under $MLOPS_LAKE/raw/ is named by its week, such as transactions_200607.csv" >&2
  exit 1
fi
oldest=$(printf '%s\n' "$files" | cut -d ' ' -f 1 | uniq | tail -n "$WEEKS" | head -n 1)
printf '%s\n' "$files" | while read -r week key; do
  if [ "$week" -ge "$oldest" ]; then
    echo "fetch $key"
    aws s3 cp --only-show-errors "$MLOPS_LAKE/$key" "$work/$key"
  fi
done
