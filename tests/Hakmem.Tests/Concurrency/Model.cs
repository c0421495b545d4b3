using System.Collections.Generic;

namespace Hakmem.Tests.Concurrency;

// A small closed program: cells of shared memory, threads that step through it, and what must hold. Explorer makes a new one for every path.
//
// A model mirrors the library's code: one step for each access to memory that another thread may touch, named after the line it stands for.
internal abstract class Model
{
    private readonly List<ModelCell> _cells = [];
    private readonly List<ModelThread> _threads = [];

    // What the model knows and no thread reads: who holds which block. Part of the state.
    public int[] Ghosts { get; } = new int[16];

    public IReadOnlyList<ModelCell> Cells => _cells;

    public IReadOnlyList<ModelThread> Threads => _threads;

    // Looks at what is left after every thread has ended; throws ModelViolation.
    public abstract void CheckEnd();

    protected ModelCell NewCell(string name, int initial = 0)
    {
        ModelCell cell = new(name, _cells.Count, initial);
        _cells.Add(cell);
        return cell;
    }

    // Only after all cells have been made.
    protected ModelThread NewThread(string name)
    {
        ModelThread thread = new(name, _cells.Count);
        _threads.Add(thread);
        return thread;
    }

    protected static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new ModelViolation(otherwise);
        }
    }
}
