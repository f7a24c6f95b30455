// The real nursery, and the engines it makes, as the platform holds them.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "sandbox/engine_ready.h"
#include "sandbox/nursery_keeper.h"
#include "wire/engine_descriptors.h"
#include "wire/sealed_blob.h"

namespace weir::security {
namespace {

using sandbox::EngineImage;
using sandbox::EngineLaunch;
using sandbox::EngineProcess;
using sandbox::Nursery;
using sandbox::NurseryKeeper;

constexpr int kPatienceMs = 60'000;

class NurseryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto image = EngineImage::load({.node = WEIR_NODE, .addon = WEIR_ADDON, .launcher = WEIR_ENGINE_LAUNCHER});
    ASSERT_TRUE(image.ok()) << image.error().message;
    image_ = std::make_unique<EngineImage>(std::move(image).value());
    std::ifstream file(WEIR_BASE_SNAPSHOT, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    auto sealed = wire::makeSealedBlob("base", std::as_bytes(std::span(bytes)));
    ASSERT_TRUE(sealed.ok());
    snapshot_ = std::move(sealed).value();
    auto first = start();
    if (!first.ok() && first.error().message.find("no nursery") != std::string::npos)
      GTEST_SKIP() << first.error().message;
    ASSERT_TRUE(first.ok()) << first.error().message;
    nursery_ = std::move(first).value();
  }

  base::Result<std::unique_ptr<Nursery>> start() {
    EngineLaunch launch;
    launch.arguments = {"nursery"};
    std::istringstream flags(WEIR_V8_FLAGS);
    for (std::string flag; flags >> flag;) launch.nodeFlags.push_back(flag);
    launch.descriptors.push_back({snapshot_.get(), wire::kBaseSnapshotDescriptor});
    return Nursery::start(*image_, launch, std::chrono::milliseconds(kPatienceMs), stop_.get());
  }

  std::unique_ptr<EngineProcess> make() {
    auto made = Nursery::make(nursery_);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return made.ok() ? std::move(made).value() : nullptr;
  }

  // Its report, once it has one.
  static wire::Confinements readyOf(EngineProcess& engine) {
    for (;;) {
      pollfd readable{engine.control().fd(), POLLIN, 0};
      if (::poll(&readable, 1, kPatienceMs) != 1) break;
      auto ready = sandbox::receiveReady(engine, false);
      if (!ready.ok()) {
        ADD_FAILURE() << ready.error().message;
        break;
      }
      if (*ready) return (*ready)->confinements;
    }
    return {};
  }

  wire::Descriptor stop_{::eventfd(0, EFD_CLOEXEC)};
  std::unique_ptr<EngineImage> image_;
  wire::Descriptor snapshot_;
  std::shared_ptr<Nursery> nursery_;
};

TEST_F(NurseryTest, itsEnginesAreHeldInByEverything) {
  const auto one = make();
  const auto other = make();
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->pid(), other->pid());
  for (const auto& engine : {one.get(), other.get()}) {
    const wire::Confinements confinements = readyOf(*engine);
    std::printf("confinements: %s\n", confinements.summary().c_str());
    for (size_t i = 0; i < wire::kConfinementCount; ++i) {
      const auto confinement = static_cast<wire::Confinement>(i);
      if (!wire::isMadeByParent(confinement)) {
        EXPECT_TRUE(confinements.active(confinement)) << confinements.reason(confinement);
      }
    }
    EXPECT_FALSE(engine->reap().has_value());
  }
}

TEST_F(NurseryTest, howAnEngineEndedIsTold) {
  auto killed = make();
  readyOf(*killed);
  ASSERT_EQ(::kill(killed->pid(), SIGKILL), 0);
  EXPECT_EQ(killed->wait().text(), "killed by SIGKILL");
  EXPECT_EQ(killed->reap()->text(), "killed by SIGKILL");  // the same answer from then on
  auto left = make();
  readyOf(*left);
  (void)left->control().takeDescriptor();
  EXPECT_EQ(left->wait().text(), "exited with status 0");
  // What it does not understand ends it.
  auto confused = make();
  readyOf(*confused);
  const std::byte nonsense{0xff};
  ASSERT_TRUE(confused->control().send({&nonsense, 1}).ok());
  EXPECT_EQ(confused->wait().text(), "exited with status 5");
}

TEST_F(NurseryTest, itTakesItsEnginesAlong) {
  const auto engine = make();
  readyOf(*engine);
  ASSERT_EQ(::kill(nursery_->pid(), SIGKILL), 0);
  EXPECT_EQ(engine->wait().text(), "killed by SIGKILL");
  EXPECT_FALSE(Nursery::make(nursery_).ok());
}

TEST_F(NurseryTest, oneThatDoesNotAnswerIsGivenUp) {
  ASSERT_EQ(::kill(nursery_->pid(), SIGSTOP), 0);
  const uint64_t one = 1;
  ASSERT_EQ(::write(stop_.get(), &one, sizeof one), ssize_t{sizeof one});
  const auto made = Nursery::make(nursery_);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().message, "given up");
}

TEST_F(NurseryTest, oneThatHasMadeEnoughIsReplacedAndEndsWithWhatItMade) {
  std::vector<std::string> problems;
  NurseryKeeper keeper([this] { return start(); }, [&](const std::string& problem) { problems.push_back(problem); },
                       {.madeMax = 2});
  EXPECT_TRUE(keeper.due());
  keeper.start();
  EXPECT_FALSE(keeper.due());
  auto first = keeper.make();
  ASSERT_TRUE(first);
  EXPECT_FALSE(keeper.due());
  auto second = keeper.make();
  ASSERT_TRUE(second);
  EXPECT_TRUE(keeper.due());
  keeper.start();
  EXPECT_FALSE(keeper.due());
  auto third = keeper.make();
  ASSERT_TRUE(third);
  readyOf(*first);
  readyOf(*third);
  EXPECT_FALSE(first->reap().has_value());
  first.reset();
  EXPECT_FALSE(second->reap().has_value());  // it still has a parent
  EXPECT_TRUE(problems.empty());
  keeper.drop();
  EXPECT_FALSE(keeper.running());
  EXPECT_FALSE(third->reap().has_value());
}

TEST_F(NurseryTest, oneThatEndsIsNoticedAndComplainedOf) {
  std::vector<std::string> problems;
  pid_t pid = 0;
  NurseryKeeper keeper(
      [&] {
        auto started = start();
        if (started.ok()) pid = (*started)->pid();
        return started;
      },
      [&](const std::string& problem) { problems.push_back(problem); });
  keeper.start();
  ASSERT_TRUE(keeper.running());
  const auto engine = keeper.make();
  ASSERT_TRUE(engine);
  ASSERT_EQ(::kill(pid, SIGKILL), 0);
  (void)engine->wait();
  EXPECT_EQ(keeper.make(), nullptr);
  EXPECT_FALSE(keeper.running());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_TRUE(keeper.due());
}

}  // namespace
}  // namespace weir::security
