namespace Hakmem.Pages;

// What came of resizing a run in place.
internal enum ResizeResult
{
    // It has the new size.
    Done,

    // There is no room for it where it is; nothing has changed, but that it may have become longer.
    NoRoom,

    // There is no such run (any more), or another thread has a hold of it.
    NotThere,
}
