#include "wire/sealed_blob.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "wire/blob_hash.h"

namespace weir::wire {
namespace {

std::vector<std::byte> sampleBytes(size_t size) {
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7);
  return bytes;
}

TEST(SealedBlob, mapsBackWhatWasSealed) {
  const auto bytes = sampleBytes(3 * 4096 + 17);
  auto blob = makeSealedBlob("sample", bytes);
  ASSERT_TRUE(blob.ok());
  auto mapping = mapSealedBlob(blob->get(), bytes.size());
  ASSERT_TRUE(mapping.ok());
  blob->reset();  // the mapping outlives the descriptor
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), bytes));
  BlobMapping moved = std::move(*mapping);
  EXPECT_TRUE(mapping->bytes().empty());
  EXPECT_EQ(moved.bytes().size(), bytes.size());
}

TEST(SealedBlob, nobodyCanChangeItAfterwards) {
  auto blob = makeSealedBlob("sample", sampleBytes(4096));
  EXPECT_LT(::pwrite(blob->get(), "x", 1, 0), 0);
  EXPECT_NE(::ftruncate(blob->get(), 0), 0);
  EXPECT_NE(::ftruncate(blob->get(), 1 << 20), 0);
  EXPECT_EQ(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, blob->get(), 0), MAP_FAILED);
}

TEST(SealedBlob, anEmptyBlobIsAMappingOfNoBytes) {
  auto blob = makeSealedBlob("empty", {});
  auto mapping = mapSealedBlob(blob->get(), 0);
  ASSERT_TRUE(mapping.ok());
  EXPECT_TRUE(mapping->bytes().empty());
}

TEST(SealedBlob, mappingRefusesWhatAPeerCouldTruncate) {
  Descriptor open(::memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(open.get(), 4096), 0);
  EXPECT_FALSE(mapSealedBlob(open.get(), 1 << 20).ok());
  // Each seal is needed: one short of all is refused.
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
  EXPECT_FALSE(mapSealedBlob(open.get(), 1 << 20).ok());
  ASSERT_EQ(::fcntl(open.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
  EXPECT_TRUE(mapSealedBlob(open.get(), 1 << 20).ok());
}

TEST(SealedBlob, mappingRefusesOtherKindsOfDescriptor) {
  Descriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(mapSealedBlob(null.get(), 1 << 20).ok());
  int pipeEnds[2];
  ASSERT_EQ(::pipe2(pipeEnds, O_CLOEXEC), 0);
  Descriptor reading(pipeEnds[0]);
  Descriptor writing(pipeEnds[1]);
  EXPECT_FALSE(mapSealedBlob(reading.get(), 1 << 20).ok());
  EXPECT_FALSE(mapSealedBlob(-1, 1 << 20).ok());
}

TEST(SealedBlob, mappingRefusesMoreThanTheBound) {
  auto blob = makeSealedBlob("sample", sampleBytes(4097));
  EXPECT_FALSE(mapSealedBlob(blob->get(), 4096).ok());
  EXPECT_TRUE(mapSealedBlob(blob->get(), 4097).ok());
}

TEST(BlobHash, everyByteAndTheLengthCount) {
  for (const size_t size : {0, 1, 7, 8, 9, 31, 32, 33, 100}) {
    auto bytes = sampleBytes(size);
    const uint64_t whole = blobHash(bytes);
    EXPECT_EQ(blobHash(bytes), whole);
    for (size_t i = 0; i < size; ++i) {
      bytes[i] ^= std::byte{1};
      EXPECT_NE(blobHash(bytes), whole) << size << " " << i;
      bytes[i] ^= std::byte{1};
    }
    bytes.push_back(std::byte{0});
    EXPECT_NE(blobHash(bytes), whole) << size;
  }
}

TEST(MappedFile, isReadOnlyAndKeepsWithinItsBound) {
  const std::string path = testing::TempDir() + "weir-mapped-" + std::to_string(::getpid());
  Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  ASSERT_EQ(::write(file.get(), "heap", 4), 4);
  EXPECT_FALSE(mapFile(file.get(), 3).ok());
  const auto mapping = mapFile(file.get(), 4);
  ::unlink(path.c_str());
  ASSERT_TRUE(mapping.ok());
  EXPECT_EQ(std::memcmp(mapping->bytes().data(), "heap", 4), 0);
  EXPECT_FALSE(mapSealedBlob(file.get(), 4).ok());
  EXPECT_FALSE(mapFile(-1, 4).ok());
}

}  // namespace
}  // namespace weir::wire
