using System.Collections.Generic;

namespace Hakmem.Tests.Concurrency;

// One thread of a model. Its program yields steps and finds each one's result in Result. What it does between two steps belongs to
// no moment of its own, so that it must touch nothing but its own variables and the model's ghosts.
internal sealed class ModelThread(string name, int cells)
{
    // For each cell, the earliest write that this thread may still read.
    public int[] View { get; } = new int[cells];

    // What the writes it has read carried: learned at its next fence.
    public int[] Pending { get; } = new int[cells];

    // What its plain writes carry: its view at its last fence.
    public int[] Released { get; } = new int[cells];

    public string Name => name;

    public IEnumerator<ModelOp> Program { get; set; } = null!;

    // The step it does next; null at the program's end.
    public ModelOp? Next { get; set; }

    public int Result { get; set; }

    // All that its own variables depend on: a running hash of every step and result so far.
    public ulong History { get; set; }
}
