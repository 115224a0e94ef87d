//! What the terms reward: comparison of contracts over the same history. Has no arithmetic of its own: it calls the stages with other arguments.
