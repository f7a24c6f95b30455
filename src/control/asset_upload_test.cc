#include "control/asset_upload.h"

#include <gtest/gtest.h>

namespace weir::control {
namespace {

catalog::NamedAsset asset(uint8_t seed, uint64_t size) {
  catalog::NamedAsset made;
  made.hash.fill(seed);
  made.size = size;
  return made;
}

std::vector<size_t> sizesOf(const std::vector<catalog::NamedAsset>& missing) {
  std::vector<size_t> sizes;
  for (const auto& bucket : bucketsOf(missing)) sizes.push_back(bucket.size());
  return sizes;
}

TEST(AssetUpload, isDividedIntoRequests) {
  EXPECT_TRUE(bucketsOf({}).empty());
  EXPECT_EQ(bucketsOf({asset(0xab, 1)}), (std::vector<std::vector<std::string>>{{"abababababababababababababababab"}}));
  EXPECT_EQ(sizesOf({asset(1, kBucketBytesMax / 2), asset(2, kBucketBytesMax / 2), asset(3, 1)}),
            (std::vector<size_t>{2, 1}));
  // What is larger than a bucket has one of its own.
  EXPECT_EQ(sizesOf({asset(1, 1), asset(2, 2 * kBucketBytesMax), asset(3, 1)}), (std::vector<size_t>{1, 1, 1}));
  EXPECT_EQ(sizesOf(std::vector<catalog::NamedAsset>(2 * kBucketFilesMax + 1, asset(1, 0))),
            (std::vector<size_t>{kBucketFilesMax, kBucketFilesMax, 1}));
}

}  // namespace
}  // namespace weir::control
