using Hakmem.Reclaim;

namespace Hakmem.Tests.Concurrency;

// One step of a model's thread: what it does to which cell, and the line of the library that it stands for.
internal sealed record ModelOp(ModelOpKind Kind, ModelCell? Cell, int Value, int Expected, string Text)
{
    // The step of the library's code that this begins, if a test holds the two against each other.
    public ReaperStep? Step { get; private init; }

    public ModelOp As(ReaperStep step) => this with { Step = step };

    public static ModelOp Load(ModelCell cell, string text) => new(ModelOpKind.Load, cell, 0, 0, text);

    public static ModelOp LoadAcquire(ModelCell cell, string text) => new(ModelOpKind.LoadAcquire, cell, 0, 0, text);

    public static ModelOp Store(ModelCell cell, int value, string text) => new(ModelOpKind.Store, cell, value, 0, text);

    public static ModelOp StoreRelease(ModelCell cell, int value, string text) => new(ModelOpKind.StoreRelease, cell, value, 0, text);

    public static ModelOp Exchange(ModelCell cell, int value, string text) => new(ModelOpKind.Exchange, cell, value, 0, text);

    public static ModelOp CompareExchange(ModelCell cell, int value, int expected, string text) =>
        new(ModelOpKind.CompareExchange, cell, value, expected, text);

    public static ModelOp Fence(string text) => new(ModelOpKind.Fence, null, 0, 0, text);

    public static ModelOp ProcessWideBarrier(string text) => new(ModelOpKind.ProcessWideBarrier, null, 0, 0, text);

    public static ModelOp Lock(ModelCell cell, string text) => new(ModelOpKind.Lock, cell, 1, 0, text);

    public static ModelOp Unlock(ModelCell cell, string text) => new(ModelOpKind.Unlock, cell, 0, 0, text);
}
