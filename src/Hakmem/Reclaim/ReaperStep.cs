namespace Hakmem.Reclaim;

// A step of CacheReaper that another thread may see, in the order in which it takes them. What its order is worth is in
// that class's header; a test holds the steps that are taken against those of the model that was checked.
internal enum ReaperStep
{
    CloseGate,
    AskRest,
    CloseBin,
    ReadTop,
    SetGuard,
    Barrier,
    PutBack,
    TakeSlots,
    OpenGate,
}
