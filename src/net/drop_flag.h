// Lets a function that calls out find out whether the callback destroyed the object it is a member of.
#pragma once

namespace weir::net {

// A member of the object in question. Not thread-safe; watches nest.
class DropFlag {
 public:
  class Watch {
   public:
// The address of a local is meant to be stored here; the destructor takes it back unless the flag is gone.
#pragma GCC diagnostic push
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif
    explicit Watch(DropFlag& flag) : flag_(&flag), outer_(flag.top_) { flag.top_ = this; }
#pragma GCC diagnostic pop
    ~Watch() {
      if (flag_) flag_->top_ = outer_;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    bool dropped() const { return !flag_; }

   private:
    friend class DropFlag;
    DropFlag* flag_;  // null once it was destroyed
    Watch* outer_;
  };

  DropFlag() = default;
  ~DropFlag() {
    for (Watch* watch = top_; watch; watch = watch->outer_) watch->flag_ = nullptr;
  }
  DropFlag(const DropFlag&) = delete;
  DropFlag& operator=(const DropFlag&) = delete;

 private:
  Watch* top_ = nullptr;
};

}  // namespace weir::net
