#include "js/wasm_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "js/wasm_memory_test_host.h"

namespace {
std::function<void()> onUnmapped;  // before whoever unmaps goes on
}  // namespace

extern "C" int munmap(void* memory, size_t bytes) noexcept {
  const auto result = static_cast<int>(syscall(SYS_munmap, memory, bytes));
  if (auto then = std::exchange(onUnmapped, nullptr)) then();
  return result;
}

namespace weir::js {
namespace {

constexpr size_t kReserved = size_t{8} << 30;
constexpr size_t kMiB = 1u << 20;
constexpr size_t kCost = 256u << 10;  // of a reservation
constexpr size_t kLimit = 4 * kMiB;

class WasmMemoryTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_TRUE(installWasmMemoryCount()); }
  ~WasmMemoryTest() override { onUnmapped = nullptr; }

  void* reserve(const std::shared_ptr<MemoryBudget>& budget, void* at = nullptr) {
    const WasmMemoryScope scope(budget);
    return hostReserve(kReserved, at);
  }
  std::shared_ptr<MemoryBudget> one = std::make_shared<MemoryBudget>(kLimit);
  std::shared_ptr<MemoryBudget> other = std::make_shared<MemoryBudget>(kLimit);
};

// A thread that runs `work` while another stands in a system call. It is there before: its stack wants addresses too.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          id_ = static_cast<int>(syscall(SYS_gettid));
          while (!begun_) std::this_thread::yield();
          work();
          over_ = true;
        }) {
    while (id_ == 0) std::this_thread::yield();
  }
  ~Meanwhile() {
    begun_ = true;
    thread_.join();
  }

  // Returns when it has ended or cannot go on.
  void run() {
    begun_ = true;
    while (!over_ && !sleeps()) std::this_thread::yield();
  }

 private:
  bool sleeps() const {
    std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
    std::string stat;
    std::getline(file, stat);
    const size_t name = stat.rfind(')');
    return name != std::string::npos && stat.substr(name, 3) == ") S";
  }
  std::atomic<int> id_{0};
  std::atomic<bool> begun_{false};
  std::atomic<bool> over_{false};
  std::thread thread_;
};

TEST_F(WasmMemoryTest, CountsWhatIsReservedAndOpened) {
  void* memory = reserve(one);
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(one->wasmBytes(), kCost);
  EXPECT_TRUE(hostOpen(memory, kMiB));
  EXPECT_TRUE(hostOpen(memory, 2 * kMiB));
  EXPECT_EQ(one->wasmBytes(), kCost + 2 * kMiB);
  EXPECT_FALSE(hostOpen(memory, 8 * kMiB));
  EXPECT_EQ(one->wasmBytes(), kCost + 2 * kMiB);
  EXPECT_TRUE(hostGiveBack(memory, kReserved));
  EXPECT_EQ(one->wasmBytes(), 0u);
}

TEST_F(WasmMemoryTest, CountsTheAlignedPartOfATrimmedReservation) {
  void* memory = reserve(one);
  ASSERT_NE(memory, nullptr);
  char* aligned = static_cast<char*>(memory) + kMiB;
  EXPECT_TRUE(hostGiveBack(memory, kMiB));
  EXPECT_TRUE(hostGiveBack(aligned + kReserved - 2 * kMiB, kMiB));
  EXPECT_TRUE(hostOpen(aligned, kMiB));
  EXPECT_EQ(one->wasmBytes(), kCost + kMiB);
  EXPECT_TRUE(hostGiveBack(aligned, kReserved - 2 * kMiB));
  EXPECT_EQ(one->wasmBytes(), 0u);
}

TEST_F(WasmMemoryTest, LeavesWhatIsSmallerAlone) {
  const WasmMemoryScope scope(one);
  void* memory = hostReserve(kMiB, nullptr);
  ASSERT_NE(memory, nullptr);
  EXPECT_TRUE(hostOpen(memory, kMiB));
  EXPECT_EQ(one->wasmBytes(), 0u);
  EXPECT_TRUE(hostGiveBack(memory, kMiB));
}

// A heap that is disposed of on one thread gives addresses back that a heap on another gets at once.
TEST_F(WasmMemoryTest, PagesAtAddressesThatWereJustGivenBackAreNotRefused) {
  void* memory = reserve(one);
  ASSERT_NE(memory, nullptr);
  ASSERT_TRUE(hostOpen(memory, 3 * kMiB));
  bool opened = false;
  {
    Meanwhile fresh([&] { opened = hostReserve(8 * kMiB, memory) == memory && hostOpen(memory, 8 * kMiB); });
    onUnmapped = [&] { fresh.run(); };
    EXPECT_TRUE(hostGiveBack(memory, kReserved));
  }
  EXPECT_TRUE(opened);
  EXPECT_TRUE(hostGiveBack(memory, 8 * kMiB));
}

TEST_F(WasmMemoryTest, AMemoryAtAddressesThatWereJustGivenBackIsItsOwnHeaps) {
  void* memory = reserve(one);
  ASSERT_NE(memory, nullptr);
  ASSERT_TRUE(hostOpen(memory, 3 * kMiB));
  void* again = nullptr;
  {
    Meanwhile fresh([&] { again = reserve(other, memory); });
    onUnmapped = [&] { fresh.run(); };
    EXPECT_TRUE(hostGiveBack(memory, kReserved));
  }
  ASSERT_EQ(again, memory);
  EXPECT_EQ(one->wasmBytes(), 0u);
  EXPECT_EQ(other->wasmBytes(), kCost);
  EXPECT_TRUE(hostOpen(memory, kMiB));
  EXPECT_EQ(other->wasmBytes(), kCost + kMiB);
  EXPECT_TRUE(hostGiveBack(memory, kReserved));
  EXPECT_EQ(other->wasmBytes(), 0u);
}

}  // namespace
}  // namespace weir::js
