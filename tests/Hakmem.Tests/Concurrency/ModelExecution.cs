using System;
using System.Collections.Generic;

namespace Hakmem.Tests.Concurrency;

// One run of a model, a transition at a time: the memory as the weakest of the machines in question has it.
//
// Every cell keeps the order of its writes, and every thread has a view: for each cell, the earliest write it may still read. A plain load
// takes any write from there on, so that stores seem to leave the processor late and in any order, and loads to be served early and in any order. What
// narrows the choice is coherence (a thread never goes back in one cell), what an acquired write carried, and fences. (The scheme is that of Kang et
// al., "A Promising Semantics for Relaxed-Memory Concurrency", 2017, without promises.)
//
// Not covered: a load that takes its value from a store to come, which needs a load delayed past a later store of its thread. In the
// library's fast paths every store depends on the loads before it, which Arm64 keeps in order.
internal sealed class ModelExecution
{
    private readonly Model _model;
    private readonly int[] _fenced;
    private readonly List<string> _trace = [];

    // The barrier under way: its thread or -1, which threads it has yet to reach, what it brings them, what it brings back.
    private int _barrierThread = -1;
    private uint _barrierPending;
    private int[] _barrierView = [];
    private int[] _barrierGathered = [];

    public ModelExecution(Model model)
    {
        _model = model;
        _fenced = new int[model.Cells.Count];
        foreach (ModelThread thread in model.Threads)
        {
            Advance(thread);
        }
    }

    public IReadOnlyList<string> Trace => _trace;

    public List<ModelTransition> Enabled()
    {
        List<ModelTransition> transitions = [];
        for (int index = 0; index < _model.Threads.Count; index++)
        {
            ModelThread thread = _model.Threads[index];
            int choices = thread.Next is null ? 0 : ChoicesOf(thread, thread.Next);
            for (int choice = 0; choice < choices; choice++)
            {
                transitions.Add(new ModelTransition(index, choice));
            }

            if ((_barrierPending & (1u << index)) != 0)
            {
                transitions.Add(new ModelTransition(index, ModelTransition.ReachedByBarrier));
            }
        }

        return transitions;
    }

    // Throws ModelViolation if the step is, or makes visible, something that must not be.
    public void Take(ModelTransition transition)
    {
        ModelThread thread = _model.Threads[transition.Thread];
        if (transition.Choice == ModelTransition.ReachedByBarrier)
        {
            _barrierPending &= ~(1u << transition.Thread);
            Fence(thread);
            Join(thread.View, _barrierView);
            Join(_barrierGathered, thread.View);
            thread.View.CopyTo(thread.Released, 0);
            _trace.Add($"{thread.Name}: (reached by the process-wide barrier)");
            return;
        }

        ModelOp op = thread.Next!;
        thread.Result = Execute(transition.Thread, thread, op, transition.Choice);
        _trace.Add($"{thread.Name}: {op.Text}{Describe(op, thread.Result)}");
        if (op.Kind == ModelOpKind.ProcessWideBarrier)
        {
            thread.Next = op with { Kind = ModelOpKind.ProcessWideBarrierEnd, Text = op.Text + " (has reached all)" };
            return;
        }

        thread.History = Mix(Mix(thread.History, (ulong)op.Kind + 1), (uint)thread.Result);
        Advance(thread);
    }

    // After the last transition.
    public void CheckEnd()
    {
        foreach (ModelThread thread in _model.Threads)
        {
            if (thread.Next is { } op)
            {
                throw new ModelViolation($"Deadlock: {thread.Name} waits at \"{op.Text}\".");
            }
        }

        _model.CheckEnd();
    }

    // Two states with one key go on alike. Writes that nobody can read any more are left out, and positions counted from there.
    public UInt128 Key()
    {
        int cells = _model.Cells.Count;
        Span<int> floor = stackalloc int[cells];
        for (int cell = 0; cell < cells; cell++)
        {
            floor[cell] = int.MaxValue;
            foreach (ModelThread thread in _model.Threads)
            {
                floor[cell] = thread.Next is null ? floor[cell] : Math.Min(floor[cell], thread.View[cell]);
            }

            floor[cell] = Math.Min(floor[cell], _model.Cells[cell].Writes.Count - 1);
        }

        ModelKey key = new();
        foreach (ModelCell cell in _model.Cells)
        {
            key.Add(cell.Writes.Count - floor[cell.Index]);
            for (int position = floor[cell.Index]; position < cell.Writes.Count; position++)
            {
                key.Add(cell.Writes[position].Value);
                key.AddView(cell.Writes[position].View, floor);
            }
        }

        foreach (ModelThread thread in _model.Threads)
        {
            key.Add((int)thread.History);
            key.Add((int)(thread.History >> 32));
            key.Add(thread.Next is null ? 0 : (int)thread.Next.Kind + 1);
            if (thread.Next is not null)
            {
                key.AddView(thread.View, floor);
                key.AddView(thread.Pending, floor);
                key.AddView(thread.Released, floor);
            }
        }

        key.AddView(_fenced, floor);
        key.Add(_barrierThread);
        key.Add((int)_barrierPending);
        key.AddView(_barrierView, floor);
        key.AddView(_barrierGathered, floor);
        foreach (int ghost in _model.Ghosts)
        {
            key.Add(ghost);
        }

        return key.Value;
    }

    private int ChoicesOf(ModelThread thread, ModelOp op) => op.Kind switch
    {
        ModelOpKind.Load or ModelOpKind.LoadAcquire => op.Cell!.Writes.Count - thread.View[op.Cell.Index],
        ModelOpKind.Lock => op.Cell!.Newest == 0 ? 1 : 0,
        ModelOpKind.ProcessWideBarrier => _barrierThread < 0 ? 1 : 0,
        ModelOpKind.ProcessWideBarrierEnd => _barrierPending == 0 ? 1 : 0,
        _ => 1,
    };

    private int Execute(int index, ModelThread thread, ModelOp op, int choice)
    {
        switch (op.Kind)
        {
            case ModelOpKind.Load:
            case ModelOpKind.LoadAcquire:
                // The newest first: most violations are near an ordinary run.
                return Read(thread, op.Cell!, op.Cell!.Writes.Count - 1 - choice, op.Kind == ModelOpKind.LoadAcquire);
            case ModelOpKind.Store:
                Write(thread, op.Cell!, op.Value, thread.Released);
                return op.Value;
            case ModelOpKind.StoreRelease:
            case ModelOpKind.Unlock:
                Write(thread, op.Cell!, op.Value, thread.View);
                return op.Value;
            case ModelOpKind.Exchange:
            case ModelOpKind.Lock:
                return ReadAndWrite(thread, op.Cell!, op.Value);
            case ModelOpKind.CompareExchange:
                return op.Cell!.Newest == op.Expected
                    ? ReadAndWrite(thread, op.Cell, op.Value)
                    : Read(thread, op.Cell, op.Cell.Writes.Count - 1, isAcquiring: true);
            case ModelOpKind.Fence:
                Fence(thread);
                return 0;
            case ModelOpKind.ProcessWideBarrier:
                Fence(thread);
                _barrierThread = index;
                _barrierView = [.. thread.View];
                _barrierGathered = new int[thread.View.Length];
                _barrierPending = ((1u << _model.Threads.Count) - 1) & ~(1u << index);
                return 0;
            case ModelOpKind.ProcessWideBarrierEnd:
                Join(thread.View, _barrierGathered);
                Fence(thread);
                _barrierThread = -1;
                _barrierView = [];
                _barrierGathered = [];
                return 0;
            default:
                throw new InvalidOperationException($"{op.Kind} is no step.");
        }
    }

    private static int Read(ModelThread thread, ModelCell cell, int position, bool isAcquiring)
    {
        ModelWrite write = cell.Writes[position];
        thread.View[cell.Index] = position;
        Join(thread.Pending, write.View);
        if (isAcquiring)
        {
            Join(thread.View, write.View);
        }

        return write.Value;
    }

    private static int ReadAndWrite(ModelThread thread, ModelCell cell, int value)
    {
        int read = Read(thread, cell, cell.Writes.Count - 1, isAcquiring: true);
        Write(thread, cell, value, thread.View);
        return read;
    }

    private static void Write(ModelThread thread, ModelCell cell, int value, int[] carried)
    {
        thread.View[cell.Index] = cell.Writes.Count;
        int[] view = [.. carried];
        view[cell.Index] = cell.Writes.Count;
        cell.Writes.Add(new ModelWrite(value, view));
    }

    private void Fence(ModelThread thread)
    {
        Join(thread.View, thread.Pending);
        Join(thread.View, _fenced);
        thread.View.CopyTo(_fenced, 0);
        thread.View.CopyTo(thread.Released, 0);
    }

    private static void Join(int[] view, int[] other)
    {
        for (int cell = 0; cell < other.Length; cell++)
        {
            view[cell] = Math.Max(view[cell], other[cell]);
        }
    }

    private static void Advance(ModelThread thread) => thread.Next = thread.Program.MoveNext() ? thread.Program.Current : null;

    private static ulong Mix(ulong hash, ulong value) => ((hash ^ value) * 0x9E3779B97F4A7C15UL) ^ ((hash ^ value) >> 29);

    private static string Describe(ModelOp op, int result) => op.Kind switch
    {
        ModelOpKind.Load or ModelOpKind.LoadAcquire => $" -> {result}{(result == op.Cell!.Newest ? "" : $" (old: it is {op.Cell.Newest})")}",
        ModelOpKind.Exchange => $" = {op.Value}, was {result}",
        ModelOpKind.CompareExchange => result == op.Expected ? $" = {op.Value}" : $" failed: it is {result}",
        ModelOpKind.Store or ModelOpKind.StoreRelease => $" = {op.Value}",
        _ => "",
    };
}
